"""Work on many files: in order, several at once, a bad file ending nothing but itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from mammoscope.errors import InputError, MammoscopeError, OutputError

Result = TypeVar("Result")


def run_batch(
    paths: Iterable[Path],
    work: Callable[[Path], Result],
    workers: int,
    refused: Mapping[Path, MammoscopeError],
) -> Iterator[tuple[Path, Result | MammoscopeError]]:
    """Apply ``work`` to each path and give results and errors in the order of the paths.

    Results do not depend on ``workers``; at most two a worker are held at a time, so memory stays
    flat. Paths in ``refused`` are not tried.
    """
    waiting: deque[tuple[Path, Future[Result | MammoscopeError]]] = deque()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for path in paths:
            error = refused.get(path)
            waiting.append((path, pool.submit(attempt, work, path, error)))
            while len(waiting) > 2 * workers:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()


def attempt(
    work: Callable[[Path], Result], path: Path, refused: MammoscopeError | None = None
) -> Result | MammoscopeError:
    """What ``work`` gives for a path, or why it gives nothing; it raises nothing."""
    if refused is not None:
        return refused
    try:
        return work(path)
    except Exception as error:
        told = _told(error, path)
        told.header = getattr(error, "header", None)
        return told


def _told(error: Exception, path: Path) -> MammoscopeError:
    """An error as one about this path."""
    if isinstance(error, OutputError):
        # Where the results lie is nobody's business who reads them.
        return type(error)(path, f"{Path(error.path).name}: {error.cause}")
    if isinstance(error, MammoscopeError):
        return error
    if isinstance(error, MemoryError):
        return InputError(path, "not enough memory for this image")
    # A fault of ours must not cost the rest of the batch; its kind is named, not its text, which
    # could hold a patient's data.
    return InputError(path, f"an unexpected {type(error).__name__} in mammoscope: please report")
