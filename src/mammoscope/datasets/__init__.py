"""Public data sets as one annotation table: an adapter for each, all giving the same rows.

Nothing is downloaded: an adapter reads what the user has.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mammoscope.datasets import cbis_square, own
from mammoscope.datasets.table import AnnotatedImage
from mammoscope.errors import InputError

ADAPTERS: dict[str, Callable[[Path], tuple[AnnotatedImage, ...]]] = {
    "cbis-square": cbis_square.load,
    "truth": own.load,
}
"""Name on the command line to adapter."""


def load(spec: str) -> tuple[AnnotatedImage, ...]:
    """The images of ``ADAPTER:PATH``, ordered by image name.

    Raises
    ------
    InputError
        If the adapter is unknown, or the data set is not what the adapter expects.
    """
    name, colon, path = spec.partition(":")
    if not colon or name not in ADAPTERS:
        raise InputError(spec, f"expected ADAPTER:PATH with an adapter of {', '.join(ADAPTERS)}")
    return ADAPTERS[name](Path(path))


__all__ = ["ADAPTERS", "AnnotatedImage", "load"]
