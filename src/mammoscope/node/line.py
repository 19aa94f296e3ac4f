"""One caller's connection: each PDU's header is looked at before the rest is read."""

from __future__ import annotations

import socket
import struct
import threading
import time
from io import BytesIO
from typing import Any, Protocol

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.transport import AssociationSocket

from mammoscope.node.options import PortLimits
from mammoscope.node.request import AssociationRequest, renumber, renumber_answer

HEADER = struct.Struct(">BxL")
"""Of a PDU: its kind, and how many bytes follow (PS3.8 9.3)."""

ABORT = bytes.fromhex("07000000000400000200")
"""A-ABORT by the service provider (PS3.8 9.3.8)."""

REQUEST = 1
ACCEPT, _DATA, _LAST_KIND = 2, 4, 7
# All other PDUs have four bytes.
_LONGEST_OTHER = 1024
_COMMAND_BYTES = 1 << 16
AHEAD = 2
"""Messages that may be sent ahead of the answers."""


class TooLong(OSError):
    """A PDU or a command that is longer than was agreed on."""


class Other(Protocol):
    """Who is at the other end; ``cause`` is why it went, empty while it is there."""

    cause: str


def longest_pdu(kind: int, limits: PortLimits) -> int:
    """How many bytes a PDU of a kind may have after its header; 0 for kinds there are none of."""
    if not REQUEST <= kind <= _LAST_KIND:
        return 0
    most = {REQUEST: limits.request_bytes, ACCEPT: limits.request_bytes, _DATA: limits.pdu_bytes}
    return most.get(kind, _LONGEST_OTHER)


class Caller:
    """One connection: its socket, who is there, and until when it has to say something."""

    def __init__(self, connection: socket.socket, address: Any, deadline: float | None) -> None:
        self.socket = connection
        self.host, self.port = address[:2]
        self.since = time.monotonic()
        self.deadline = deadline
        self.title = ""
        self.is_in = False
        self.cause = ""

    def __str__(self) -> str:
        name = f"{self.title!r} from " if self.title else ""
        return f"{name}{self.host}:{self.port}"

    def put_out(self, cause: str) -> None:
        """End the connection from another thread: whoever reads from it goes on."""
        self.cause = self.cause or cause
        self.deadline = None
        try:
            # Of a TLS socket, too: its own would take away what the reader is using.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        except OSError:
            return

    def read(self, count: int) -> bytes:
        """So many bytes; fewer if the connection ends."""
        data = bytearray()
        while len(data) < count and (part := self.socket.recv(min(count - len(data), 1 << 16))):
            data += part
        return bytes(data)

    def tell(self, answer: bytes) -> None:
        """Say a last thing."""
        try:
            self.socket.sendall(answer)
        except (OSError, ValueError):
            return


class Budget:
    """How many bytes of objects may be on their way in at once, over all associations."""

    def __init__(self, most: int) -> None:
        self._lock, self._left = threading.Lock(), most

    def take(self, count: int) -> bool:
        """Whether so many are left; they are taken then."""
        with self._lock:
            if count > self._left:
                return False
            self._left -= count
            return True

    def give_back(self, count: int) -> None:
        """Let others have them."""
        with self._lock:
            self._left += count


class ObjectStream(BytesIO):
    """An object's bytes as they come in: those of one that is too large are let go.

    Attributes
    ----------
    cause
        Why they were let go; empty while they are all there.
    """

    def __init__(self, most: int, budget: Budget) -> None:
        super().__init__()
        self.cause = ""
        self._most, self._budget, self._taken = most, budget, 0

    def write(self, data: Any) -> int:
        """Take bytes, or let all go."""
        if not self.cause:
            if self._taken + len(data) > self._most:
                self._let_go(f"more than {self._most:,} bytes")
            elif self._budget.take(len(data)):
                self._taken += len(data)
                super().write(data)
            else:
                self._let_go("too much comes in at once")
        return len(data)

    def release(self) -> None:
        """Make room for others."""
        self._budget.give_back(self._taken)
        self._taken = 0
        self.seek(0)
        self.truncate()

    def _let_go(self, cause: str) -> None:
        self.cause = cause
        self.release()


class Messages(DIMSEServiceProvider):
    """Puts messages together; a fault in one ends its association and nothing else."""

    def __init__(
        self, association: Association, caller: Other, limits: PortLimits, budget: Budget
    ) -> None:
        super().__init__(association)
        self._caller, self._limits, self._budget = caller, limits, budget

    def receive_primitive(self, primitive: Any) -> None:
        """Take the next part of a message."""
        if self.message is None:
            self.message = DIMSEMessage()
            self.message.data_set = ObjectStream(self._limits.object_bytes, self._budget)
        try:
            super().receive_primitive(primitive)
            command = self.message and self.message.encoded_command_set
            if command and command.tell() > _COMMAND_BYTES:
                raise TooLong("an endless command")
        except Exception:
            # Whatever a parser makes of it.
            self.refuse("it sent what is no message")

    def refuse(self, cause: str) -> None:
        """End the association."""
        self._caller.cause = self._caller.cause or cause
        self.release()
        # An invalid PDU (PS3.8 9.2).
        self.dul.event_queue.put("Evt19")

    def release(self) -> None:
        """Let go of what is half there, or was never asked for."""
        streams = [self.message and self.message.data_set]
        while not self.msg_queue.empty():
            streams.append(getattr(self.get_msg()[1], "DataSet", None))
        for stream in streams:
            if isinstance(stream, ObjectStream):
                stream.release()
        self.message = None


class Line(AssociationSocket):
    """An association's socket: begins with the request, and looks at headers before bodies."""

    def __init__(self, association: Association, caller: Caller, limits: PortLimits) -> None:
        self._caller, self._limits = caller, limits
        self._expected: int | None = None
        self._kind = 0
        self._first, self._numbers = BytesIO(), dict[int, int]()
        super().__init__(association, client_socket=caller.socket)

    def begin_with(self, request: AssociationRequest) -> None:
        """What is read first, though it came earlier."""
        self._first = BytesIO(request.pdu())
        numbers = request.numbered()
        self._numbers = {old: new for old, new in numbers.items() if old != new}

    @property
    def ready(self) -> bool:
        """Whether a PDU can be read, and should be."""
        if self._is_first:
            return True
        # Else what a caller sends ahead would lie in memory.
        return self.assoc.dimse.msg_queue.qsize() < AHEAD and super().ready

    @property
    def _is_first(self) -> bool:
        return self._first.tell() < len(self._first.getbuffer())

    def recv(self, nr_bytes: int) -> bytearray:
        """A header, and the next time what follows it."""
        if self._is_first:
            return bytearray(self._first.read(nr_bytes))
        if self._expected is None:
            return self._header(nr_bytes)
        kind, self._expected = self._kind, None
        data = self._read(nr_bytes)
        self._caller.deadline = None
        if kind == _DATA and self._numbers:
            data = renumber(data, self._numbers)
        return bytearray(data)

    def send(self, bytestream: bytes) -> None:
        """Send a PDU."""
        if self._numbers and bytestream[0] in (ACCEPT, _DATA):
            back = {new: old for old, new in self._numbers.items()}
            change = renumber if bytestream[0] == _DATA else renumber_answer
            bytestream = bytestream[:6] + change(bytestream[6:], back)
        self._caller.deadline = time.monotonic() + self._limits.pdu_s
        super().send(bytestream)
        self._caller.deadline = None

    def _header(self, count: int) -> bytearray:
        self._caller.deadline = time.monotonic() + self._limits.pdu_s
        header = self._read(count)
        if len(header) < HEADER.size:
            self._caller.deadline = None
            return bytearray(header)
        kind, length = HEADER.unpack(header)
        longest = longest_pdu(kind, self._limits)
        if longest and length > longest:
            self._caller.cause = f"a PDU of type {kind} with {length:,} bytes"
            self._caller.tell(ABORT)
            raise TooLong(self._caller.cause)
        self._kind = kind
        self._expected = length if longest else None
        return bytearray(header)

    def _read(self, count: int) -> bytes:
        if self.socket is None:
            raise OSError("it is closed")
        return self._caller.read(count)
