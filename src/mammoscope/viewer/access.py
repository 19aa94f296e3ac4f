"""What every request must keep and every answer carries, before any page is asked.

Only names of this machine are answered to, so that no other site can lead a browser here by a name
of its own; what changes something must come from our own page; a page may load nothing from
elsewhere, and nobody may frame it.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mammoscope.viewer.people import Doors

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

GUEST_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; frame-ancestors 'none'; "
    "base-uri 'self'; form-action 'none'"
)
"""For a guest, such as OHIF, which makes code at run time: still nothing from elsewhere."""

OPEN = ("/enter", "/assets/")
"""What is answered to anybody: nothing there is about a patient."""

_NOT_ENTERED = "Open the viewer by the link that it printed when it was started.\n"


class Access:
    """The middleware.

    Parameters
    ----------
    hosts
        The only values of the header ``Host`` that are answered.
    policy
        The content security policy.
    """

    def __init__(
        self,
        app: ASGIApp,
        doors: Doors,
        hosts: Collection[str],
        cookie: str,
        policy: str = POLICY,
    ) -> None:
        self._app, self._doors, self._hosts = app, doors, frozenset(hosts)
        self._cookie, self._policy = cookie, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        path = str(scope["path"])

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._seal(MutableHeaders(scope=message), not path.startswith("/assets/"))
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, sealed)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), str(scope["path"])
        if headers.get("host", "") not in self._hosts:
            return PlainTextResponse("Not a name of this server.\n", 421)
        if path.startswith(OPEN):
            return None
        # Browsers send cookies of all ports: one that is oddly worded must not hide ours.
        person = self._doors.who(cookie_parser(headers.get("cookie", "")).get(self._cookie))
        if person is None:
            if path.startswith("/api"):
                return JSONResponse({"error": "not entered"}, 401)
            return PlainTextResponse(_NOT_ENTERED, 401)
        scope["person"] = person
        if scope["method"] not in ("GET", "HEAD"):
            origin = headers.get("origin")
            own = f"{scope['scheme']}://{headers.get('host')}"
            is_json = headers.get("content-type", "").split(";")[0] == "application/json"
            if origin != own or not is_json:
                return JSONResponse({"error": "only our own page may do this"}, 403)
        return None

    def _seal(self, headers: MutableHeaders, private: bool) -> None:
        headers["Content-Security-Policy"] = self._policy
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers.setdefault("Cache-Control", "no-store" if private else "no-cache")
