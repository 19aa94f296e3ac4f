"""What an engine is: it has a job done on many images, wherever its workers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from mammoscope.errors import WorkerLost
from mammoscope.results import Failure, ImageLine

RETRIES = 3
"""A worker that dies costs its image another try, so many times; then the image is lost."""


@dataclass(frozen=True)
class Item:
    """One image to be done.

    Parameters
    ----------
    place
        In the list of all images, from 0.
    path
        The file.
    name
        What its results are called.
    told
        The path as results tell it.
    """

    place: int
    path: str
    name: str
    told: str


@dataclass(frozen=True)
class Done:
    """What came of an image: small, for there are many; the result itself lies on the disk.

    Parameters
    ----------
    place
        As of its :class:`Item`.
    failure
        Why there is no result; then there is nothing else.
    line
        The result in short.
    patient_id, study_id
        Whose it is.
    silent
        Neither side nor view is known.
    kept
        It was there already, and fits.
    seconds
        By phase.
    """

    place: int
    failure: Failure | None = None
    line: ImageLine | None = None
    patient_id: str | None = None
    study_id: str | None = None
    silent: bool = False
    kept: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Done:
        """The inverse of :meth:`values`."""
        failure, line = values["failure"], values["line"]
        return cls(
            **{
                **values,
                "failure": None if failure is None else Failure(**failure),
                "line": None if line is None else ImageLine(**line),
            }
        )

    @classmethod
    def lost(cls, item: Item) -> Done:
        """Of an image on which worker after worker has died."""
        error = WorkerLost(item.told, f"{RETRIES + 1} workers died on this image")
        return cls(item.place, Failure.of(error, item.told))


Work = Callable[[Item], Done]
"""Does one image. It raises nothing: what goes wrong is a failure."""


class Job(Protocol):
    """What is to be done with each image."""

    def open(self) -> Work:
        """A worker in this process; models are loaded here, once."""

    def values(self) -> dict[str, Any]:
        """As plain values, from which :func:`mammoscope.runs.job.job_of` makes it elsewhere."""


class Engine(Protocol):
    """Has a job done on many images.

    What comes out is the same whatever the engine is, but for the order in which it comes.

    Examples
    --------
    ::

        for done in LocalThreads(2).run(job, units):
            print(done.place, done.failure)
    """

    def run(self, job: Job, units: Sequence[Sequence[Item]]) -> Iterator[Done]:
        """Do the images of each unit, which belong together; each image once.

        Raises
        ------
        EngineError
            If no worker can be had.
        """
