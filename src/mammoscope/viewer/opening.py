"""What the arguments of ``mammoscope view`` mean: results, a node's spool, or images to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mammoscope.errors import InputError, MammoscopeError
from mammoscope.reading import FoundImages
from mammoscope.results import load_run, source_root

QUEUE = "queue.sqlite"
"""What lies in a node's spool."""

_INCOMING = "in"
_RUN = "run.json"


@dataclass(frozen=True)
class Opened:
    """Folders of results, and images that have to be looked at first, with what they are named by.

    Parameters
    ----------
    results
        Folders written by ``mammoscope detect``.
    images
        Files, folders or patterns without results.
    inboxes
        Folders of nodes' spools into which images come.
    """

    results: tuple[Path, ...]
    images: tuple[str, ...]
    inboxes: tuple[Path, ...] = ()

    @classmethod
    def of(cls, paths: Sequence[str]) -> Opened:
        """Tell them apart.

        Raises
        ------
        InputError
            If a folder holds what another command than detect has written.
        """
        results, images, inboxes = [], [], []
        for path in paths:
            folder = Path(path)
            if (folder / QUEUE).is_file() and (folder / _INCOMING).is_dir():
                inboxes.append(folder / _INCOMING)
            elif (folder / _RUN).is_file():
                command = load_run(folder / _RUN).command
                if command != "detect":
                    raise InputError(folder, f"holds results of {command}, not of detect")
                results.append(folder)
            else:
                images.append(path)
        return cls(tuple(results), tuple(images), tuple(inboxes))


def is_done(out: Path, found: FoundImages) -> bool:
    """Whether a folder holds the results of just these images already."""
    try:
        run = load_run(out / _RUN)
    except MammoscopeError:
        return False
    seen = {image.path for image in run.images} | {failure.path for failure in run.failures}
    told = {found.told(path) for path in found.paths}
    return run.command == "detect" and seen == told and source_root(out) == found.root
