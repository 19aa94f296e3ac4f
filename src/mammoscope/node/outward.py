"""Associations that the node asks for: what an archive answers is bounded in size and time, too.

An archive is trusted with results, not with the node's memory or with its time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.transport import AddressInformation, AssociationSocket

from mammoscope.node.line import (
    AHEAD,
    HEADER,
    Budget,
    Messages,
    ObjectStream,
    TooLong,
    longest_pdu,
)
from mammoscope.node.options import PortLimits
from mammoscope.node.states import States

_ANSWER_BYTES = 1 << 16
"""No answer to a C-STORE holds a data set; one that does may be so long, and is not kept."""


@dataclass
class Archive:
    """Whom the node called, and why the association ended."""

    cause: str = ""


class Answers(Messages):
    """Puts answers together; one with a data set that is long ends its association."""

    def receive_primitive(self, primitive: Any) -> None:
        """Take the next part of an answer."""
        super().receive_primitive(primitive)
        stream = self.message and self.message.data_set
        if isinstance(stream, ObjectStream) and stream.cause:
            self.refuse(stream.cause)


class ArchiveLine(AssociationSocket):
    """The socket of an association with an archive: each PDU is short, and comes in time."""

    def __init__(
        self,
        association: Association,
        address: AddressInformation,
        archive: Archive,
        limits: PortLimits,
    ) -> None:
        self._archive, self._limits = archive, limits
        self._is_header, self._end = True, 0.0
        super().__init__(association, address=address)

    @property
    def ready(self) -> bool:
        """Whether a PDU can be read, and should be."""
        if self._archive.cause:
            # It is not listened to any more.
            return False
        # Else answers to what nobody asked would lie in memory.
        return self.assoc.dimse.msg_queue.qsize() < AHEAD and super().ready

    def recv(self, nr_bytes: int) -> bytearray:
        """A header, and the next time what follows it.

        Raises
        ------
        OSError
            If the PDU is too long, or does not come in time.
        """
        if self._is_header:
            self._end = time.monotonic() + self._limits.pdu_s
        data = self._in_time(nr_bytes)
        if self._is_header and len(data) == HEADER.size:
            kind, length = HEADER.unpack(data)
            longest = longest_pdu(kind, self._limits)
            if length > longest:
                raise TooLong(f"a PDU of type {kind} with {length:,} bytes")
            self._is_header = longest == 0
        else:
            self._is_header = True
        return data

    def send(self, bytestream: bytes) -> None:
        """Send a PDU; an archive that reads nothing ends the association."""
        if self.socket is not None:
            self.socket.settimeout(self._limits.pdu_s)
        super().send(bytestream)

    def _in_time(self, count: int) -> bytearray:
        if self.socket is None:
            raise OSError("it is closed")
        data = bytearray()
        while len(data) < count:
            left_s = self._end - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("a PDU did not come in time")
            self.socket.settimeout(left_s)
            part = self.socket.recv(min(count - len(data), 1 << 16))
            if not part:
                break
            data += part
        return data


class Entity(AE):
    """An application entity whose own calls are bounded."""

    def __init__(self, aet: str, limits: PortLimits) -> None:
        super().__init__(aet)
        self._limits = limits

    def _create_socket(
        self, assoc: Association, address: AddressInformation, tls_args: Any
    ) -> AssociationSocket:
        # The one place where the library lets an association have another socket.
        archive = Archive()
        line = ArchiveLine(assoc, address, archive, self._limits)
        line.tls_args = tls_args
        small = replace(self._limits, object_bytes=_ANSWER_BYTES)
        assoc.dul.state_machine = States(assoc, line)
        assoc.dimse = Answers(assoc, archive, small, Budget(_ANSWER_BYTES))
        return line
