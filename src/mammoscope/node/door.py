"""The node's port: who comes in, and for how long.

pynetdicom speaks with callers; this module stands before it. It holds a connection until a whole
association request is there, answers no to those who may not call, and hands the others on. A
caller that says nothing, half a request or something else costs a thread for a few seconds, and
never a place among associations.
"""

from __future__ import annotations

import logging
import queue
import socketserver
import ssl
import threading
import time
from collections import Counter
from functools import partial
from typing import Any

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from mammoscope.node.line import ABORT, HEADER, REQUEST, Budget, Caller, Line, Messages
from mammoscope.node.link import log
from mammoscope.node.options import DimseOptions
from mammoscope.node.request import APPLICATION_CONTEXT, AssociationRequest, Malformed
from mammoscope.node.states import States

_PULSE_S = 0.1
"""How often it is looked whose time is up."""

_TOLD = 8
"""So many SOP classes are named in a line of the log."""


class Unwelcome(Exception):
    """A caller that is turned away: why, and what it is told."""

    def __init__(self, cause: str, answer: bytes = ABORT) -> None:
        self.answer = answer
        super().__init__(cause)


def _rejection(result: int, source: int, reason: int) -> bytes:
    """A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    return bytes((3, 0, 0, 0, 0, 4, 0, result, source, reason))


class _Reception(RequestHandler):
    """One caller, from the first byte to the last."""

    server: Door
    request: Caller

    def handle(self) -> None:
        caller, server = self.request, self.server
        try:
            if server.tls is not None:
                self._begin_tls(server.tls)
            request = self._first_request()
            self._admit(request)
        except Unwelcome as refusal:
            log.warning("refused a call by %s: %s", caller, caller.cause or refusal)
            caller.tell(refusal.answer)
            return
        except OSError as error:
            log.warning("lost a caller, %s: %s", caller, caller.cause or type(error).__name__)
            return
        if request is not None:
            self._serve(request)

    def _begin_tls(self, context: ssl.SSLContext) -> None:
        caller = self.request
        try:
            # Without the handshake first: its socket must be known to those who end it.
            caller.socket = context.wrap_socket(
                caller.socket, server_side=True, do_handshake_on_connect=False
            )
            caller.socket.do_handshake()
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            raise Unwelcome(f"no TLS ({reason})", b"") from error

    def _first_request(self) -> AssociationRequest | None:
        """None where the caller only looked whether the port is open."""
        caller, limits = self.request, self.server.limits
        header = caller.read(HEADER.size)
        if not header and not caller.cause:
            log.debug("%s connected and went", caller)
            return None
        if header[:1] not in (b"", bytes((REQUEST,))):
            raise Unwelcome(f"no association request, its first byte is {header[0]:02X}")
        if len(header) < HEADER.size:
            raise Unwelcome("it went before its association request was whole")
        length = HEADER.unpack(header)[1]
        if length > limits.request_bytes:
            raise Unwelcome(f"an association request of {length:,} bytes")
        body = caller.read(length)
        if len(body) < length:
            raise Unwelcome("it went before its association request was whole")
        try:
            return AssociationRequest.parse(body)
        except Malformed as error:
            raise Unwelcome(str(error)) from error

    def _admit(self, request: AssociationRequest | None) -> None:
        if request is None:
            return
        caller, options = self.request, self.server.options
        caller.title = request.calling
        if not request.version & 1:
            raise Unwelcome(f"protocol version {request.version:04X}", _rejection(1, 2, 2))
        if request.application_context != APPLICATION_CONTEXT:
            raise Unwelcome("not the DICOM application context", _rejection(1, 1, 2))
        if request.called != options.aet:
            raise Unwelcome(f"it calls {request.called!r}", _rejection(1, 1, 7))
        if request.calling not in options.accept:
            raise Unwelcome("it is none of those who may call", _rejection(1, 1, 3))
        if not any(abstract and transfer for _, abstract, transfer in request.contexts):
            raise Unwelcome("it asks for no presentation context")
        if not self.server.admit(caller):
            raise Unwelcome("too many associations", _rejection(2, 3, 2))

    def _serve(self, request: AssociationRequest) -> None:
        caller, limits = self.request, self.server.limits
        association = self._create_association()
        line = Line(association, caller, limits)
        line.begin_with(request)
        # The library's own socket has announced the connection; so has the line.
        association.dul.event_queue = queue.Queue()
        association.dul.event_queue.put("Evt5")
        association.dul.socket = line
        association.dul.state_machine = States(association, line)
        # A caller that hangs must not hold up the end of the process.
        association.dul.daemon = True
        messages = Messages(association, caller, limits, self.server.budget)
        association.dimse = messages
        log.debug("%s begins an association", caller)
        try:
            # In this thread: what goes wrong is told here, and the place is free afterwards.
            association.run()
        finally:
            messages.release()
            _tell_end(caller, association)

    def _create_association(self) -> Association:
        caller = self.request
        self.request = caller.socket  # type: ignore[assignment]  # what the library looks for
        try:
            return super()._create_association()
        finally:
            self.request = caller


def _tell_end(caller: Caller, association: Association) -> None:
    if association.rejected_contexts:
        asked = sorted({str(c.abstract_syntax) for c in association.rejected_contexts})
        # Many callers ask for all that they know, whatever they want to send.
        level = logging.DEBUG if association.accepted_contexts else logging.WARNING
        more = f" and {len(asked) - _TOLD} more" if len(asked) > _TOLD else ""
        log.log(level, "%s asked in vain for %s%s", caller, ", ".join(asked[:_TOLD]), more)
    if association.is_released and not caller.cause:
        log.debug("%s ended its association", caller)
    else:
        cause = caller.cause or "it aborted, said nothing for too long, or is gone"
        log.warning("the association with %s was aborted: %s", caller, cause)


class Door(ThreadedAssociationServer):
    """Listens, and keeps count of those who are there.

    Raises
    ------
    OSError
        If the port cannot be listened on.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments: Any, options: DimseOptions, tls: Any, **others: Any) -> None:
        self.options, self.limits, self.tls = options, options.limits, tls
        self.budget = Budget(options.limits.objects_bytes)
        self._callers: set[Caller] = set()
        self._callers_lock = threading.Lock()
        others["request_handler"] = _Reception
        super().__init__(*arguments, **others)

    @classmethod
    def open(cls, entity: AE, options: DimseOptions, tls: Any, handlers: list[Any]) -> Any:
        """Listen in a thread of its own; gives the door."""
        address = (options.bind, options.port)
        door: Any = entity.make_server(
            address, server_class=cls, evt_handlers=handlers, options=options, tls=tls
        )
        serve = partial(door.serve_forever, poll_interval=_PULSE_S)
        threading.Thread(target=serve, name="door", daemon=True).start()
        return door

    def admit(self, caller: Caller) -> bool:
        """Give a caller a place among associations, if there is one."""
        with self._callers_lock:
            inside = [other for other in self._callers if other.is_in]
            same = [other for other in inside if other.host == caller.host]
            is_free = len(inside) < self.limits.associations
            caller.is_in = is_free and len(same) < self.limits.associations_of_peer
            if caller.is_in:
                caller.deadline = None
            return caller.is_in

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin with a caller, in a thread."""
        request.setblocking(True)
        deadline = time.monotonic() + self.limits.first_s
        caller = Caller(request, client_address, deadline)
        with self._callers_lock:
            self._make_room(caller.host)
            self._callers.add(caller)
        try:
            super().process_request(caller, client_address)  # type: ignore[arg-type]
        except BaseException:
            self._forget(caller)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """All that happens with a caller."""
        try:
            self.finish_request(request, client_address)
        except Exception as error:
            log.error("a fault of the node's own with %s: %s", request, type(error).__name__)
        finally:
            self._forget(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that could not even be begun with."""
        log.error("no thread for a caller from %s", client_address[0])

    def service_actions(self) -> None:
        """Now and then: put out those whose time is up."""
        now = time.monotonic()
        with self._callers_lock:
            for caller in self._callers:
                if caller.deadline is not None and caller.deadline < now:
                    caller.put_out("it did not go on for too long")

    def shutdown(self) -> None:
        """Listen no more, and end what goes on."""
        # The library's own also looks for a list that this server is not on.
        socketserver.BaseServer.shutdown(self)
        self.server_close()
        with self._callers_lock:
            callers = list(self._callers)
        for caller in callers:
            caller.put_out("the node stops")

    def _make_room(self, host: str) -> None:
        """Who waits longest goes, first of those of the same host."""
        waiting = [c for c in self._callers if not c.is_in and not c.cause]
        count = Counter(caller.host for caller in waiting)
        if count[host] >= self.limits.waiting_of_peer:
            victims = [caller for caller in waiting if caller.host == host]
        elif len(waiting) >= self.limits.waiting:
            most = max(count.values())
            victims = [caller for caller in waiting if count[caller.host] == most]
        else:
            return
        min(victims, key=lambda caller: caller.since).put_out("others are waiting")

    def _forget(self, caller: Caller) -> None:
        with self._callers_lock:
            self._callers.discard(caller)
        caller.put_out("")
        caller.socket.close()
