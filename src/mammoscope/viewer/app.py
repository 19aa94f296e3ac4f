"""The server's addresses: each asks the room and answers. Needs the extra ``[view]``."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib import resources
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from mammoscope._version import __version__
from mammoscope.errors import MammoscopeError
from mammoscope.files import DISCLAIMER
from mammoscope.viewer.access import Access
from mammoscope.viewer.desk import NotNow
from mammoscope.viewer.exports import EXPORTS, Exporter, usable
from mammoscope.viewer.left_out import left_out
from mammoscope.viewer.people import Doors, Person, Role
from mammoscope.viewer.reads import BIRADS, DENSITIES, ImagesCame, StepRefused
from mammoscope.viewer.room import Room
from mammoscope.viewer.site import Site
from mammoscope.viewer.told import reference_told
from mammoscope.viewer.worklist import BadQuery, Query

log = logging.getLogger("mammoscope.viewer")

_APP = '<div id="app">'
_MOST_BODY = 1 << 16
_KEPT = "private, no-cache"
"""Kept by the browser, and asked for again with its tag: the file may have changed."""


def make_app(
    room: Room,
    doors: Doors,
    site: Site,
    exporter: Exporter,
) -> Starlette:
    """The application."""
    static = Path(str(resources.files("mammoscope.viewer") / "static"))
    pages = _Pages(room, exporter, static / "index.html")
    routes: list[BaseRoute] = [
        Route("/", pages.answer(pages.home)),
        enter_route(doors, site),
        Mount("/assets", StaticFiles(directory=static / "assets")),
        Route("/api/me", pages.answer(pages.me)),
        Route("/api/worklist", pages.answer(pages.worklist), methods=["POST"]),
        Route("/api/generation", pages.answer(pages.generation)),
        Route("/api/task/{key}", pages.answer(pages.task)),
        Route("/api/task/{key}/steps", pages.answer(pages.step), methods=["POST"]),
        Route("/api/task/{key}/trail", pages.answer(pages.trail)),
        Route("/api/task/{key}/heat/{image}/{number:int}", pages.answer(pages.heat)),
        Route("/api/image/{key}/outline", pages.answer(pages.outline)),
        Route("/api/image/{key}/thumbnail", pages.answer(pages.thumbnail)),
        Route("/api/image/{key}/tile/{level:int}/{x:int}/{y:int}", pages.answer(pages.tile)),
        Route("/api/export/{kind}", pages.answer(pages.export)),
        Route("/api/left-out", pages.answer(pages.left_out)),
    ]
    access = Middleware(Access, doors=doors, hosts=site.hosts, cookie=cookie_name(site))
    return Starlette(routes=routes, middleware=[access])


def cookie_name(site: Site) -> str:
    """The name of the session's cookie."""
    return f"mammoscope-{site.port}"


def enter_route(doors: Doors, site: Site) -> Route:
    """The address that trades the secret of a link for a session."""

    async def enter(request: Request) -> Response:
        session = doors.enter(request.query_params.get("token", ""))
        if session is None:
            return PlainTextResponse("This link is not, or no longer, good.\n", 403)
        response = Response(status_code=303, headers={"Location": "/"})
        response.set_cookie(
            cookie_name(site), session, httponly=True, samesite="lax", secure=site.secure
        )
        return response

    return Route("/enter", enter)


class _Pages:
    """What each address answers; the work is done in threads."""

    def __init__(self, room: Room, exporter: Exporter, index: Path) -> None:
        self._room, self._exporter = room, exporter
        self._index = index.read_text(encoding="utf-8")

    def answer(self, page: Callable[[Request, Person, Any], Response]) -> Any:
        """An address whose errors become answers that say why, and log lines that do not."""

        async def endpoint(request: Request) -> Response:
            body: Any = None
            if request.method == "POST":
                data = await _body(request)
                if data is None:
                    return _error("too long", 413)
                try:
                    body = json.loads(data)
                except ValueError:
                    return _error("not JSON", 400)
                if not isinstance(body, dict):
                    return _error("not an object", 400)
            try:
                return await asyncio.to_thread(page, request, request.scope["person"], body)
            except KeyError:
                return _error("there is no such thing", 404)
            except NotNow as error:
                return _error(str(error), 403)
            except ImagesCame as error:
                return _json({"error": str(error), "reload": True}, 409)
            except (StepRefused, BadQuery) as error:
                return _error(str(error), 409)
            except MammoscopeError as error:
                # The message goes to the reader alone: it may name a file, and that a patient.
                log.warning("a request failed: %s", type(error).__name__)
                return _error(str(error), 422)

        return endpoint

    def home(self, request: Request, person: Person, body: Any) -> Response:
        """The page, with the first part of the worklist in it: it is drawn without a request."""
        first = {"me": self._me(person), "worklist": self._room.worklist(person, Query())}
        # No word of the data can end the element that it stands in.
        data = _compact(first).replace("<", "\\u003c")
        brought = f'<script type="application/json" id="first">{data}</script>'
        return HTMLResponse(self._index.replace(_APP, brought + _APP, 1))

    def me(self, request: Request, person: Person, body: Any) -> Response:
        """Who I am, what this is, and the words that the pages need."""
        return _json(self._me(person))

    def _me(self, person: Person) -> dict[str, Any]:
        return {
            "reader": person.name,
            "role": person.role.value,
            "title": self._room.desk.title,
            "version": __version__,
            "disclaimer": DISCLAIMER,
            "exports": usable(self._exporter) if _may_export(person) else [],
            "birads": BIRADS,
            "densities": DENSITIES,
            "reference": reference_told(),
        }

    def worklist(self, request: Request, person: Person, body: Any) -> Response:
        """A page of the worklist. Asked by POST, lest a patient's name stand in an address."""
        return _json(self._room.worklist(person, Query.of(body)))

    def generation(self, request: Request, person: Person, body: Any) -> Response:
        """Whether something has come since a worklist was told."""
        return _json({"generation": self._room.generation()})

    def task(self, request: Request, person: Person, body: Any) -> Response:
        """A study to be read."""
        return _json(self._room.task(person, request.path_params["key"]))

    def step(self, request: Request, person: Person, body: Any) -> Response:
        """A step of a read."""
        return _json(self._room.step(person, request.path_params["key"], body))

    def trail(self, request: Request, person: Person, body: Any) -> Response:
        """The audit trail of a read."""
        return _json(self._room.trail(person, request.path_params["key"]))

    def heat(self, request: Request, person: Person, body: Any) -> Response:
        """A heat map."""
        at = request.path_params
        png = self._room.heat(person, at["key"], at["image"], at["number"])
        return Response(png, media_type="image/png")

    def outline(self, request: Request, person: Person, body: Any) -> Response:
        """Where the breast lies."""
        return _json(asdict(self._room.outline(person, request.path_params["key"])))

    def thumbnail(self, request: Request, person: Person, body: Any) -> Response:
        """A small picture."""
        key = request.path_params["key"]
        headers = {"Cache-Control": _KEPT, "ETag": f'"{self._room.tag(person, key)}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        jpeg = self._room.thumbnail(person, key)
        return Response(jpeg, media_type="image/jpeg", headers=headers)

    def tile(self, request: Request, person: Person, body: Any) -> Response:
        """Pixels, 16 bits, little-endian; 204 where all of them are black."""
        at = request.path_params
        headers = {"Cache-Control": _KEPT, "ETag": f'"{self._room.tag(person, at["key"])}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        try:
            data = self._room.pyramid(person, at["key"]).tile(at["level"], at["x"], at["y"])
        except IndexError:
            return _error("there is no such tile", 404)
        if not data:
            return Response(status_code=204, headers=headers)
        return Response(data, media_type="application/octet-stream", headers=headers)

    def export(self, request: Request, person: Person, body: Any) -> Response:
        """What the readers have said, as a file."""
        kind = request.path_params["kind"]
        export = EXPORTS[kind]
        headers = {"Content-Disposition": f'attachment; filename="{export.file}"'}
        made = export.make(self._exporter_of(person))
        return Response(made, media_type=export.media, headers=headers)

    def left_out(self, request: Request, person: Person, body: Any) -> Response:
        """What an export leaves out, in sentences."""
        return _json({"left_out": left_out(self._exporter_of(person))})

    def _exporter_of(self, person: Person) -> Exporter:
        """With what a person may be told; nothing to whoever is no adjudicator."""
        if not _may_export(person):
            raise NotNow("Only an adjudicator takes reviews out.")
        return replace(self._exporter, may_tell=self._room.may_tell(person))


def _may_export(person: Person) -> bool:
    return person.role is Role.ADJUDICATOR


async def _body(request: Request) -> bytes | None:
    """The body of a request; None, and no more of it is read, where it is too long."""
    said = request.headers.get("content-length", "")
    if said.isascii() and said.isdigit() and int(said) > _MOST_BODY:
        return None
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > _MOST_BODY:
            return None
    return bytes(data)


def _error(message: str, status: int) -> Response:
    return _json({"error": message}, status)


def _json(values: Any, status: int = 200) -> Response:
    return Response(_compact(values), status, media_type="application/json")


def _compact(values: Any) -> str:
    """JSON in ASCII: a file name that is not UTF-8 has no other spelling."""
    return json.dumps(values, allow_nan=False, separators=(",", ":"))
