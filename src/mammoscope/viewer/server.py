"""The server: a socket on this machine, a link with a secret, and the browser. Needs ``[view]``."""

from __future__ import annotations

import logging
import socket
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mammoscope.errors import InputError, MissingExtra, OutputError
from mammoscope.viewer.exports import Exporter
from mammoscope.viewer.people import Doors, Person
from mammoscope.viewer.room import Room

LOOPBACK = "127.0.0.1"

Guest = tuple[str, Callable[[Room], list[Any]]]
"""The beginning of a path, and the routes of another viewer below it."""

_LOCAL_NAMES = {LOOPBACK, "::1", "localhost"}


@dataclass(frozen=True)
class Place:
    """Where to listen.

    Parameters
    ----------
    host, port
        Port 0 is any free one.
    names
        Names by which readers reach this machine, beside ``host``.
    certificate, key
        PEM files for TLS; needed for any host but the loopback.
    """

    host: str = LOOPBACK
    port: int = 0
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.certificate is not None

    def check(self) -> None:
        """Refuse to send patients' images over a network in the clear.

        Raises
        ------
        InputError
            If TLS is lacking or one of its files is.
        """
        if self.host not in _LOCAL_NAMES and not (self.certificate and self.key):
            raise InputError(self.host, "is reached from outside: give --certificate and --key")
        for path in (self.certificate, self.key):
            if path is not None and not path.is_file():
                raise InputError(path, "no such file")


def need_extra() -> None:
    """Say what is missing before anything else is done.

    Raises
    ------
    MissingExtra
        If starlette or uvicorn cannot be imported.
    """
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise MissingExtra("the viewer", "view")


def serve(
    room: Room,
    doors: Doors,
    exporter: Exporter,
    place: Place,
    say: Callable[[str, Person], None],
    guests: Sequence[Guest] = (),
    open_browser: bool = False,
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    say
        Called with each person's link as soon as the port is known.
    open_browser
        Open the first person's link.

    Raises
    ------
    InputError, OutputError
        If the place cannot be used.
    """
    import uvicorn

    from mammoscope.viewer.app import Site, make_app

    place.check()
    listening = _listen(place)
    port = int(listening.getsockname()[1])
    scheme = "https" if place.secure else "http"
    names = [place.host, *place.names, *(["localhost"] if place.host in _LOCAL_NAMES else [])]
    hosts = tuple(_authority(name, port, scheme) for name in names)
    made = [(start, routes(room)) for start, routes in guests]
    app = make_app(room, doors, Site(hosts, place.secure, port), exporter, made)
    links = {
        person: f"{scheme}://{_authority((place.names or (place.host,))[0], port, scheme)}"
        f"/enter?token={secret}"
        for person, secret in doors.secrets_of.items()
    }
    for person, link in links.items():
        say(link, person)
    if open_browser and links:
        webbrowser.open(next(iter(links.values())))
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        # No address is logged: an access log has them all.
        access_log=False,
        log_level="warning",
        server_header=False,
        ssl_certfile=None if place.certificate is None else str(place.certificate),
        ssl_keyfile=None if place.key is None else str(place.key),
    )
    uvicorn.Server(config).run(sockets=[listening])


def _listen(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((place.host, place.port))
        # Whoever opens the link at once waits for an answer instead of finding nobody.
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise OutputError(f"{place.host}:{place.port}", error.strerror or str(error)) from error
    return listening


def _authority(name: str, port: int, scheme: str) -> str:
    usual = {"http": 80, "https": 443}[scheme]
    shown = f"[{name}]" if ":" in name else name
    return shown if port == usual else f"{shown}:{port}"
