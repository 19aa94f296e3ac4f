"""What an export leaves out, and why: nothing that somebody said is dropped in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mammoscope.viewer.exports import Exporter
from mammoscope.viewer.library import StudyEntry
from mammoscope.viewer.reads import Read, State


def left_out(exporter: Exporter) -> list[str]:
    """What is not in the truth and the tables though it was said or is there, a sentence each.

    Examples
    --------
    >>> left_out(exporter)  # doctest: +SKIP
    ['ANNA: 1 image came after the read of ann, who has not read what came: left out']
    """
    if not any(read.state is State.DONE for read in exporter.reads()):
        return ["no read has ended yet: there is nothing in the tables"]
    return [*_of_studies(exporter), *_of_gone_studies(exporter), *_of_no_plan(exporter)]


def _of_studies(exporter: Exporter) -> Iterator[str]:
    counted = {study.key: read for study, read in exporter.settled()}
    readers: dict[str, set[str]] = {}
    for study, read in exporter.ended():
        readers.setdefault(study.key, set()).add(read.reader)
        who = study.patient_id or f"study {study.key}"
        yield from _of_read(study, read, who)
    for key, names in sorted(readers.items()):
        if len(names) > 1 and not names & exporter.adjudicators:
            study = exporter.library.study(key)
            who = study.patient_id or f"study {key}"
            yield (
                f"{who}: {len(names)} readers, no adjudicator: in truth, coco and sr the last read "
                f"counts, that of {counted[key].reader}"
            )


def _of_read(study: StudyEntry, read: Read, who: str) -> Iterator[str]:
    there = {image.key for image in study.images}
    unread = [key for key in there if not read.has_read(key)]
    if unread and read.images is None:
        yield (
            f"{who}: which images {read.reader} had was not kept by the version that made the "
            f"read: {_count(len(unread), 'image')} without a mark left out; reopen and end the read"
        )
    elif unread:
        yield (
            f"{who}: {_count(len(unread), 'image')} came after the read of {read.reader}, who has "
            "not read what came: left out"
        )
    if gone := sum(mark.image not in there for mark in read.standing):
        yield (
            f"{who}: {_count(gone, 'mark')} of {read.reader} on images that are no longer among "
            "the results: left out"
        )


def _of_no_plan(exporter: Exporter) -> Iterator[str]:
    ended = [read for _, read in exporter.ended() if read.reader not in exporter.adjudicators]
    others = Counter(read.reader for read in ended if not exporter.is_planned(read))
    for reader, count in sorted(others.items()):
        yield f"{_count(count, 'read')} of {reader} not in the plan: not in reads.csv and marks.csv"


def _of_gone_studies(exporter: Exporter) -> Iterator[str]:
    known = {study.key for study in exporter.library.studies}
    gone = [r for r in exporter.reads() if r.state is State.DONE and r.study not in known]
    reads = Counter(read.reader for read in gone)
    marks = Counter(read.reader for read in gone for _ in read.standing)
    for reader, count in sorted(reads.items()):
        yield (
            f"{_count(count, 'read')} of {reader}, with {_count(marks[reader], 'mark')}, of "
            "studies that are no longer among the results: left out"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
