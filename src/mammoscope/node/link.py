"""What a node needs of a way to a PACS."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from mammoscope.node.queue import Queue, ResultObject
from mammoscope.reading import READABLE_CLASSES

log = logging.getLogger("mammoscope.node")
"""The only logger of a node. What libraries and peers say may quote a patient: never handed on."""

IMAGES = READABLE_CLASSES
"""SOP classes of images that are taken. No class of the node's own results may be among them."""

OTHER_IMAGE = (
    "%s: another image with the SOP Instance UID of an earlier one came: the later one is read,"
    " the earlier one lies in lost/"
)
"""A line of the log, for the name of a study."""


class Unreachable(Exception):
    """The PACS does not answer, or lets nobody in; the message holds nothing of a patient."""


class Link(Protocol):
    """A way to a PACS and back."""

    def receiving(self, queue: Queue) -> AbstractContextManager[None]:
        """Images come into ``queue`` while inside."""

    def send(self, objects: Sequence[ResultObject]) -> Iterator[tuple[ResultObject, str | None]]:
        """Send each object and say whether the PACS has it: None, or why not, in words.

        Raises
        ------
        Unreachable
            If it makes no sense to go on.
        """
