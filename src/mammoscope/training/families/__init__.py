"""Families of detectors behind one interface; a configuration file names the one to build."""

from __future__ import annotations

from collections.abc import Callable

from mammoscope.training.config import NetworkConfig
from mammoscope.training.families.base import Detected, MassDetector
from mammoscope.training.families.centernet import CenterNet

FAMILIES: dict[str, Callable[[NetworkConfig], MassDetector]] = {
    "centernet": CenterNet,
}
"""Name in a configuration to network."""


def build(config: NetworkConfig) -> MassDetector:
    """An untrained detector."""
    return FAMILIES[config.family](config)


__all__ = ["FAMILIES", "Detected", "MassDetector", "build"]
