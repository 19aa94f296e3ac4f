"""Work on many annotated images side by side; one that cannot be used costs only itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from mammoscope.datasets import AnnotatedImage
from mammoscope.errors import InputError

Result = TypeVar("Result")


class Shown(Protocol):
    """What is shown in training, and the image that it is of."""

    @property
    def image(self) -> AnnotatedImage:
        """What is known of it."""


Sample = TypeVar("Sample", bound=Shown)


def balanced(samples: list[Sample], least_share: float) -> list[Sample]:
    """The samples, those of a small source several times; see ``TrainingConfig.least_share``."""
    sources = [sample.image.source for sample in samples]
    times = {
        source: max(1, round(least_share * len(samples) / sources.count(source)))
        for source in set(sources)
    }
    return [sample for sample in samples for _ in range(times[sample.image.source])]


def each(
    images: Iterable[AnnotatedImage],
    work: Callable[[AnnotatedImage], Result],
    on_error: Callable[[InputError], None],
    workers: int,
) -> list[Result]:
    """What ``work`` gives for each image, in order; an ``InputError`` is told and left out."""

    def attempt(image: AnnotatedImage) -> Result | InputError:
        try:
            return work(image)
        except InputError as error:
            return error

    results: list[Result] = []
    with ThreadPoolExecutor(workers) as pool:
        for result in pool.map(attempt, images):
            if isinstance(result, InputError):
                on_error(result)
            else:
                results.append(result)
    return results
