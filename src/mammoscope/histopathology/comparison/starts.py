"""What networks know before they see a set: ImageNet weights, given or fetched, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import timm

from mammoscope.training.engine.trunk import DOWNLOAD


def find_start(name: str, given: Mapping[str, Path], report: Callable[[str], None]) -> Path | None:
    """Where a timm network's ImageNet weights are; None where there are none to be had."""
    if name in given:
        return given[name]
    try:
        timm.create_model(name, pretrained=True)
    except Exception as error:
        cause = (str(error) or repr(error)).splitlines()[0]
        report(f"no ImageNet weights of {name}: none given, and {cause}")
        return None
    return DOWNLOAD


def start_in_words(start: Path | None) -> str:
    """A start that :func:`find_start` gave, in words."""
    if start is None:
        return "from scratch"
    return "ImageNet weights of timm" if start == DOWNLOAD else f"ImageNet weights {start.name}"
