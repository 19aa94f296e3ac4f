"""HTTP to one service and to no other, with answers of a bounded size and time."""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

TIMEOUT_S = 60.0
"""Of silence, in which a service must answer or go on."""

LONGEST_S = 600.0
"""An answer may take so long as a whole."""

TEXT_BYTES, OBJECT_BYTES = 1 << 25, 1 << 29
"""Sizes of answers in JSON and of others."""

_REDIRECTS = 5


class AnswerRefused(requests.RequestException):
    """An answer that is too long, takes too long, or leads to another host."""


class BoundedSession(requests.Session):
    """A session with the service at ``url``.

    Parameters
    ----------
    stop
        When set, an answer that is coming in is given up.
    """

    def __init__(self, url: str, stop: threading.Event) -> None:
        super().__init__()
        # Else requests would look for credentials in ~/.netrc, and for proxies.
        self.trust_env = False
        self.max_redirects = _REDIRECTS
        self._origin = urlsplit(url)[:2]
        for scheme in ("http://", "https://"):
            self.mount(scheme, _BoundedAdapter(stop))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where an answer leads to; credentials and images go to no other host."""
        target = super().get_redirect_target(resp)
        if target is not None and urlsplit(urljoin(resp.url, target))[:2] != self._origin:
            raise AnswerRefused("leads to another host")
        return target


class _BoundedAdapter(HTTPAdapter):
    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        super().__init__()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send a request, and read the answer while it is short enough."""
        response = super().send(request, True, timeout, verify, cert, proxies)
        is_text = "json" in request.headers.get("Accept", "")
        most = TEXT_BYTES if is_text else OBJECT_BYTES
        data, end = bytearray(), time.monotonic() + LONGEST_S
        with response:
            for part in response.iter_content(1 << 16):
                data += part
                if len(data) > most:
                    raise AnswerRefused(f"has more than {most:,} bytes")
                if time.monotonic() > end or self._stop.is_set():
                    raise AnswerRefused("takes too long")
        # What iter_content has read would not be kept.
        response._content = bytes(data)
        return response
