"""Families of detectors behind one interface; a configuration file names the one to build."""

from __future__ import annotations

from collections.abc import Callable

from mammoscope.errors import PluginError
from mammoscope.plugins import Socket
from mammoscope.training.config import NetworkConfig
from mammoscope.training.detectors.families.base import Detected, MassDetector
from mammoscope.training.detectors.families.centernet import CenterNet
from mammoscope.training.detectors.families.fcos import FCOS
from mammoscope.training.detectors.families.retinanet import RetinaNet

FAMILIES: Socket[Callable[[NetworkConfig], MassDetector]] = Socket(
    "mammoscope.families",
    {"centernet": CenterNet, "fcos": FCOS, "retinanet": RetinaNet},
    callable,
)
"""Name in a configuration to network."""


def build(config: NetworkConfig) -> MassDetector:
    """An untrained detector.

    Raises
    ------
    PluginError
        If the family is unknown, or another package's gives something else.
    TableError
        If the trunk, or one of its settings, is unknown.
    """
    network = FAMILIES[config.family](config)
    if not isinstance(network, MassDetector):
        raise PluginError(config.family, f"gives a {type(network).__name__}, not a MassDetector")
    return network


__all__ = ["FAMILIES", "Detected", "MassDetector", "build"]
