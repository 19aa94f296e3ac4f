"""HTTP to one service and to no other, with answers of a bounded size and time."""

from __future__ import annotations

import threading
import time
from email.message import Message
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

TIMEOUT_S = 60.0
"""Of silence, in which a service must answer or go on."""

LONGEST_S = 600.0
"""An answer may take so long as a whole."""

TEXT_BYTES, OBJECT_BYTES, RECEIPT_BYTES = 1 << 24, 1 << 29, 1 << 20
"""Sizes of lists, of objects, and of what is answered to an object that was sent."""

_REDIRECTS = 5
_HEAD_BYTES = 1 << 16


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
        end = time.monotonic() + LONGEST_S
        response = super().send(request, True, timeout, verify, cert, proxies)
        most = _most_bytes(request, response)
        data = bytearray()
        with response:
            if "," in response.headers.get("Content-Encoding", ""):
                # Each would swell what the other has swollen.
                raise AnswerRefused("is packed more than once")
            for part in response.iter_content(1 << 16):
                data += part
                if len(data) > most:
                    raise AnswerRefused(f"has more than {most:,} bytes")
                if time.monotonic() > end or self._stop.is_set():
                    raise AnswerRefused("takes too long")
        # What iter_content has read would not be kept.
        response._content = bytes(data)
        return response


def _most_bytes(request: requests.PreparedRequest, response: requests.Response) -> int:
    if request.method != "GET":
        return RECEIPT_BYTES
    asked = "json" not in request.headers.get("Accept", "")
    kind = response.headers.get("Content-Type", "").lower()
    # An error comes as a text, whatever was asked for.
    is_object = asked and kind.startswith(("multipart/related", "application/dicom"))
    return OBJECT_BYTES if is_object and response.ok else TEXT_BYTES


def first_part(answer: requests.Response) -> bytes:
    """The first part of an answer of several; all of one that has none.

    Raises
    ------
    ValueError
        If it says that it has parts and has none.
    """
    kind = Message()
    kind["Content-Type"] = answer.headers.get("Content-Type", "")
    data, boundary = answer.content, kind.get_boundary()
    if kind.get_content_maintype() != "multipart" or not boundary:
        return data
    mark = b"--" + boundary.encode("latin-1", "replace")
    start = data.find(b"\r\n\r\n", data.find(mark) + 1) + 4
    end = data.find(b"\r\n" + mark, start)
    if mark not in data[:_HEAD_BYTES] or start < 4 or end < 0:
        raise ValueError("no part where there should be one")
    return data[start:end]
