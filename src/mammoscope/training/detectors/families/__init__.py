"""Families of detectors behind one interface; a configuration file names the one to build."""

from __future__ import annotations

from collections.abc import Callable

from mammoscope.errors import TableError
from mammoscope.training.config import NetworkConfig
from mammoscope.training.detectors.families.base import Detected, MassDetector
from mammoscope.training.detectors.families.centernet import CenterNet
from mammoscope.training.detectors.families.fcos import FCOS
from mammoscope.training.detectors.families.retinanet import RetinaNet

FAMILIES: dict[str, Callable[[NetworkConfig], MassDetector]] = {
    "centernet": CenterNet,
    "fcos": FCOS,
    "retinanet": RetinaNet,
}
"""Name in a configuration to network."""


def build(config: NetworkConfig) -> MassDetector:
    """An untrained detector.

    Raises
    ------
    TableError
        If the family, the trunk, or one of their settings is unknown.
    """
    if config.family not in FAMILIES:
        raise TableError("family", f"must be one of {', '.join(FAMILIES)}: {config.family!r}")
    return FAMILIES[config.family](config)


__all__ = ["FAMILIES", "Detected", "MassDetector", "build"]
