"""Ray Core actors: on this machine, or on a cluster that exists."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mammoscope.errors import EngineError, MissingExtra
from mammoscope.runs.engines.protocol import RETRIES, Done, Item, Job


class _Actor:
    """What each actor holds: models are loaded once."""

    def __init__(self, job: dict[str, Any]) -> None:
        import cv2

        from mammoscope.runs.job import job_of

        cv2.setNumThreads(1)
        self._work = job_of(job).open()

    def do(self, item: dict[str, Any]) -> dict[str, Any]:
        """One image."""
        return self._work(Item(**item)).values()


@dataclass(frozen=True)
class RayActors:
    """Actors of Ray Core, each with a core and models of its own; one that dies is replaced.

    Parameters
    ----------
    workers
        How many.
    address
        Of a cluster, such as ``"ray://head:10001"`` or ``"auto"``; None starts Ray here. All of
        its machines see inputs and outputs at the same paths.

    Raises
    ------
    MissingExtra
        If Ray is not installed.
    """

    workers: int
    address: str | None = None

    def __post_init__(self) -> None:
        try:
            import ray  # noqa: F401
        except ImportError as error:
            raise MissingExtra("--engine ray", "ray") from error

    def run(self, job: Job, units: Sequence[Sequence[Item]]) -> Iterator[Done]:
        """As :class:`Engine`."""
        import ray

        ours = not ray.is_initialized()
        if ours:
            here = {} if self.address else {"num_cpus": self.workers, "include_dashboard": False}
            try:
                ray.init(address=self.address, log_to_driver=False, **here)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise EngineError(f"Ray does not answer at {self.address}: {error}") from error
        try:
            yield from _on_actors(ray, job.values(), units, self.workers)
        finally:
            if ours:
                ray.shutdown()


def _on_actors(
    ray: Any, job: dict[str, Any], units: Sequence[Sequence[Item]], workers: int
) -> Iterator[Done]:
    make = ray.remote(num_cpus=1, max_restarts=0)(_Actor)
    left = deque(item for unit in units for item in unit)
    tries: Counter[int] = Counter()
    running: dict[Any, tuple[Any, Item]] = {}

    def ask(actor: Any) -> None:
        item = left.popleft()
        running[actor.do.remote(asdict(item))] = actor, item

    for _ in range(min(workers, len(left))):
        ask(make.remote(job))
    while running:
        (ready,), _ = ray.wait(list(running), num_returns=1)
        actor, item = running.pop(ready)
        try:
            yield Done.of(ray.get(ready))
        except ray.exceptions.RayActorError:
            tries[item.place] += 1
            if tries[item.place] > RETRIES:
                yield Done.lost(item)
            else:
                left.appendleft(item)
            actor = make.remote(job) if left else None
        if left and actor is not None:
            ask(actor)
