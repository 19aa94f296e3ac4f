"""What a node is told."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from mammoscope.certificates import load_identity
from mammoscope.errors import InputError, MammoscopeError
from mammoscope.files import read_file

_PEM_BYTES = 1 << 22


@dataclass(frozen=True)
class Peer:
    """An application entity and where it listens."""

    aet: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Peer:
        """``AET@HOST:PORT``.

        Raises
        ------
        MammoscopeError
            If it is not that.
        """
        parts = re.fullmatch(r"([^@]+)@(\[[^\]]+\]|[^:@\[\]]+):(\d{1,5})", text)
        if parts is None or not 0 < int(parts[3]) < 65536:
            raise MammoscopeError(f"{text!r} is not AET@HOST:PORT")
        return cls(check_aet(parts[1]), parts[2].strip("[]"), int(parts[3]))


def parse_place(text: str) -> tuple[str, int]:
    """``PORT`` of this machine alone, or ``HOST:PORT``.

    Raises
    ------
    MammoscopeError
        If it is not that.
    """
    parts = re.fullmatch(r"(?:(\[[^\]]+\]|[^:@\[\]]+):)?(\d{1,5})", text)
    if parts is None or not 0 < int(parts[2]) < 65536:
        raise MammoscopeError(f"{text!r} is not PORT or HOST:PORT")
    return (parts[1] or "127.0.0.1").strip("[]"), int(parts[2])


def check_aet(aet: str) -> str:
    """An application entity title (PS3.5 6.2, AE).

    Raises
    ------
    MammoscopeError
        If it is empty, longer than 16 characters or not printable ASCII.
    """
    if not re.fullmatch(r"(?! )[ -\[\]-~]{1,16}(?<! )", aet):
        raise MammoscopeError(f"{aet!r} is no AE title: 1 to 16 characters, no backslash")
    return aet


@dataclass(frozen=True)
class Tls:
    """PEM files: who this node is, and who may vouch for the others."""

    cert: Path
    key: Path
    ca: Path

    def server(self) -> ssl.SSLContext:
        """For those who call: they must have a certificate, too.

        Raises
        ------
        InputError
            If a file cannot be used.
        """
        context = self._context(ssl.Purpose.CLIENT_AUTH)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self) -> ssl.SSLContext:
        """For calling: the other's certificate must be for the host that was named.

        Raises
        ------
        InputError
            If a file cannot be used.
        """
        return self._context(ssl.Purpose.SERVER_AUTH)

    def _context(self, purpose: ssl.Purpose) -> ssl.SSLContext:
        # OpenSSL would wait for a pipe.
        try:
            read_file(self.ca, _PEM_BYTES)
            context = ssl.create_default_context(purpose, cafile=str(self.ca))
        except OSError as error:
            raise InputError(self.ca, f"no certificates to trust: {error.strerror}") from error
        load_identity(context, self.cert, self.key)
        return context


@dataclass(frozen=True)
class PortLimits:
    """What callers may take up.

    Parameters
    ----------
    first_s
        How long an association request, with TLS before it, may take to come.
    pdu_s
        How long any later PDU may take.
    idle_s
        How long an association may be silent.
    request_bytes, pdu_bytes
        Lengths of an association request and of a data PDU.
    object_bytes, objects_bytes
        Of one image, and of all that are on their way in.
    associations, associations_of_peer
        At once, in all and from one host.
    waiting, waiting_of_peer
        Connections that have not yet asked for an association. One more, and the oldest goes.
    """

    first_s: float = 5
    pdu_s: float = 30
    idle_s: float = 60
    request_bytes: int = 1 << 16
    pdu_bytes: int = 1 << 17
    object_bytes: int = 1 << 29
    objects_bytes: int = 1 << 30
    associations: int = 20
    associations_of_peer: int = 16
    waiting: int = 64
    waiting_of_peer: int = 16


@dataclass(frozen=True)
class DimseOptions:
    """Where to listen, whom to answer, where results go.

    Parameters
    ----------
    aet
        The node's own title; calls to another are refused.
    accept
        Titles that may call.
    """

    aet: str
    bind: str
    port: int
    accept: tuple[str, ...]
    pacs: Peer
    tls: Tls | None = None
    limits: PortLimits = PortLimits()


@dataclass(frozen=True)
class DicomWebOptions:
    """Where to look for studies, how often, and how old they may be.

    Parameters
    ----------
    days
        Studies are looked at whose Study Date is today's or up to so many days earlier.
    """

    url: str
    poll_s: float
    days: int
    tls: Tls | None = None


@dataclass(frozen=True)
class NodeOptions:
    """How a node goes about its work.

    Parameters
    ----------
    spool
        The queue's folder.
    kinds
        Of :data:`~mammoscope.dicom_results.kinds.KINDS`.
    workers
        Images of one study that are read side by side.
    quiet_s
        A study is whole when no image of it came for so long.
    retry_s
        Wait after a first failure.
    keep_s
        How long a study's images are kept after it was read.
    monitor
        Host and port where health and metrics are told; None for nowhere.
    """

    spool: Path
    kinds: tuple[str, ...]
    workers: int
    quiet_s: float
    retry_s: float
    keep_s: float
    monitor: tuple[str, int] | None = None
