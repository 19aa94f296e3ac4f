"""The server: a socket on this machine, a link with a secret, and the browser. Needs ``[view]``."""

from __future__ import annotations

import socket
import ssl
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mammoscope.certificates import load_identity
from mammoscope.errors import InputError, MissingExtra, OutputError
from mammoscope.viewer.exports import Exporter
from mammoscope.viewer.people import Doors, Person
from mammoscope.viewer.room import Room
from mammoscope.viewer.site import Site

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = "127.0.0.1"

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
            If TLS is lacking, or one of its files is, or cannot be used.
        """
        if self.host not in _LOCAL_NAMES and not (self.certificate and self.key):
            raise InputError(self.host, "is reached from outside: give --certificate and --key")
        if self.certificate and self.key:
            load_identity(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.certificate, self.key)
        elif self.certificate or self.key:
            raise InputError(self.certificate or self.key or "", "goes with the other: give both")


def need_extra() -> None:
    """Say what is missing before anything else is done.

    Raises
    ------
    MissingExtra
        If starlette or uvicorn cannot be imported.
    """
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise MissingExtra("the viewer", "view")


@dataclass(frozen=True)
class Guest:
    """Another viewer that is served beside ours, at a port of its own: it wants the root.

    ``app`` makes its application, from our doors and its site.
    """

    name: str
    app: Callable[[Doors, Site], ASGIApp]


def serve(
    room: Room,
    doors: Doors,
    exporter: Exporter,
    place: Place,
    say: Callable[[str, Person], None],
    open_browser: bool = False,
    guest: Guest | None = None,
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    say
        Called with each person's link as soon as the port is known; then with those of the guest.
    open_browser
        Open the first person's link.

    Raises
    ------
    InputError, OutputError
        If the place cannot be used.
    """
    import uvicorn

    from mammoscope.viewer.app import make_app

    place.check()
    listening = [_listen(place)]
    sites = [_site(place, listening[0])]
    apps: list[ASGIApp] = [make_app(room, doors, sites[0], exporter)]
    if guest is not None:
        listening.append(_listen(replace(place, port=0)))
        sites.append(_site(place, listening[1]))
        apps.append(guest.app(doors, sites[1]))
    scheme = "https" if place.secure else "http"
    links = [
        (person, f"{scheme}://{site.hosts[0]}/enter?token={secret}")
        for site in sites
        for person, secret in doors.secrets_of.items()
    ]
    for person, link in links:
        say(link, person)
    if open_browser and links:
        webbrowser.open(links[0][1])
    config = uvicorn.Config(
        _by_port(sites, apps),
        # No address is logged: an access log has them all.
        access_log=False,
        log_level="warning",
        server_header=False,
        ssl_certfile=None if place.certificate is None else str(place.certificate),
        ssl_keyfile=None if place.key is None else str(place.key),
    )
    uvicorn.Server(config).run(sockets=listening)


def _by_port(sites: Sequence[Site], apps: Sequence[ASGIApp]) -> ASGIApp:
    """Each application at its own port; the first one for anything else."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        port = (scope.get("server") or (None, None))[1]
        known = [site.port for site in sites]
        await apps[known.index(port) if port in known else 0](scope, receive, send)

    return app


def _site(place: Place, listening: socket.socket) -> Site:
    port = int(listening.getsockname()[1])
    scheme = "https" if place.secure else "http"
    local = ["localhost"] if place.host in _LOCAL_NAMES else []
    names = [*place.names, place.host, *local]
    return Site(tuple(_authority(name, port, scheme) for name in names), place.secure, port)


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
