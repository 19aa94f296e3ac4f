"""The node as a whole: takes images, reads studies and sends results, side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing

from mammoscope.errors import EngineError, OutputError
from mammoscope.node.backoff import Backoff
from mammoscope.node.dicomweb import DicomWebLink
from mammoscope.node.dimse import DimseLink
from mammoscope.node.link import Link, log
from mammoscope.node.monitor import monitored
from mammoscope.node.options import DicomWebOptions, DimseOptions, NodeOptions
from mammoscope.node.queue import Queue
from mammoscope.node.sender import Sender
from mammoscope.node.tally import Tally
from mammoscope.node.worker import Worker
from mammoscope.pipeline import Pipeline
from mammoscope.reading.quiet import quiet

_PULSE_S = 0.25
"""How often the queue is looked at when there was nothing to do."""


def link_of(way: DimseOptions | DicomWebOptions) -> Link:
    """The way to the PACS.

    Raises
    ------
    MammoscopeError
        If its options cannot be used.
    """
    return DimseLink(way) if isinstance(way, DimseOptions) else DicomWebLink(way)


def run_node(pipeline: Pipeline, link: Link, options: NodeOptions, stop: threading.Event) -> None:
    """Work until ``stop`` is set; what has begun is then brought to its end.

    Raises
    ------
    OutputError
        If the spool folder cannot be used.
    MammoscopeError
        If the port cannot be listened on.
    """
    backoff = Backoff(options.retry_s)
    with (
        quiet(),
        closing(Queue(options.spool, backoff)) as queue,
        closing(Worker(pipeline, queue, options)) as worker,
    ):
        for name in queue.leftovers.lost:
            log.warning("%s is not on record: it lies in lost/ now", name)
        for name in queue.leftovers.gone:
            log.error("%s is on record and gone", name)
        steps = {
            "reading": worker.step,
            "sending": Sender(link, queue, backoff).step,
        }
        threads = [
            threading.Thread(target=_repeat, args=(step, stop, backoff, queue.tally), name=name)
            for name, step in steps.items()
        ]
        try:
            with link.receiving(queue):
                for thread in threads:
                    thread.start()
                with monitored(options.monitor, queue, threads, stop):
                    # In turns: a signal that reaches another thread does not wake this one.
                    while not stop.wait(_PULSE_S):
                        pass
                    log.info("stopping")
        finally:
            stop.set()
            for thread in threads:
                if thread.is_alive():
                    thread.join()


def _repeat(
    step: Callable[[], bool], stop: threading.Event, backoff: Backoff, tally: Tally
) -> None:
    failures = 0
    while not stop.is_set():
        try:
            wait_s = 0.0 if step() else _PULSE_S
            failures = 0
        except (OutputError, EngineError) as error:
            # A disk that is full, a file that cannot be written, no process: no patient's text.
            failures += 1
            tally.add("faults")
            wait_s = backoff(failures)
            log.error("%s: tried again in %.3g s", error, wait_s)
        except Exception as error:
            # A fault must not end the service; its text could hold a patient's data.
            failures += 1
            tally.add("faults")
            wait_s = backoff(failures)
            log.error("an unexpected %s: tried again in %.3g s", type(error).__name__, wait_s)
        stop.wait(wait_s)
