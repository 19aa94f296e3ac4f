"""To a PACS and back by DICOMweb: QIDO-RS finds studies, WADO-RS gets images, STOW-RS stores."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import requests
from dicomweb_client import DICOMwebClient
from pydicom import dcmread

from mammoscope.dicom_results.study import study_name
from mammoscope.errors import MammoscopeError, OutputError
from mammoscope.files import read_file
from mammoscope.node.backoff import Backoff
from mammoscope.node.link import IMAGES, OTHER_IMAGE, Unreachable, log
from mammoscope.node.options import DicomWebOptions
from mammoscope.node.queue import Queue, ResultObject
from mammoscope.node.web import TIMEOUT_S, BoundedSession, first_part
from mammoscope.reading import identity

USER = "MAMMOSCOPE_DICOMWEB_USER"
PASSWORD = "MAMMOSCOPE_DICOMWEB_PASSWORD"
TOKEN = "MAMMOSCOPE_DICOMWEB_TOKEN"
"""Variables of the environment: a user with a password, or a bearer token."""

# The address itself may hold a secret.
_NO_ADDRESS = "what --dicomweb names is no address of a DICOMweb service"

_STUDY, _SERIES = "0020000D", "0020000E"
_INSTANCE, _SOP_CLASS = "00080018", "00080016"
_INSTANCES_IN_STUDY = "00201208"

# HTTP statuses that speak of the caller or of the hour, not of the object.
_NOT_NOW = {401, 403, 404, 408, 429, 502, 503, 504}

_PAGE = 500
# More answers, or pages, are no answer to such a question.
_MOST_ANSWERS, _MOST_PAGES = 50_000, 1000
_OBJECT = 'multipart/related; type="application/dicom"'
_REMEMBERED = 10_000
_GRACE_S = 3.0
_UID = re.compile(r"[0-2](\.(0|[1-9]\d*))+")


class DicomWebLink:
    """The way by DICOMweb; see :class:`~mammoscope.node.link.Link`.

    Raises
    ------
    MammoscopeError
        If the address cannot be meant, or a file for TLS cannot be used.
    """

    def __init__(self, options: DicomWebOptions) -> None:
        self._options = options
        self._stop = threading.Event()
        self._client()
        # How many instances a study had when all its images had been taken.
        self._seen: dict[str, int | None] = {}
        self._told: set[str] = set()

    @contextmanager
    def receiving(self, queue: Queue) -> Iterator[None]:
        """Look for studies now and then while inside."""
        self._stop.clear()
        thread = threading.Thread(target=self._poll, args=(queue, self._stop), daemon=True)
        log.info("looks for studies every %g s", self._options.poll_s)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            # A service that hangs is not waited for.
            thread.join(_GRACE_S)

    def send(self, objects: Sequence[ResultObject]) -> Iterator[tuple[ResultObject, str | None]]:
        """Store objects, one a request."""
        client = self._client()
        for found in objects:
            yield found, _store(client, found)

    def _client(self) -> DICOMwebClient:
        # One a thread: a session must not be shared.
        url = self._options.url
        try:
            has_credentials = "@" in url
            session = BoundedSession(url, self._stop)
        except ValueError as error:
            raise MammoscopeError(_NO_ADDRESS) from error
        if has_credentials:
            raise MammoscopeError(f"credentials belong in {USER} and {PASSWORD}, not in the URL")
        headers = {}
        if token := os.environ.get(TOKEN):
            headers["Authorization"] = f"Bearer {token}"
        elif user := os.environ.get(USER):
            session.auth = (user, os.environ.get(PASSWORD, ""))
        if (tls := self._options.tls) is not None:
            tls.client()
            session.verify, session.cert = str(tls.ca), (str(tls.cert), str(tls.key))
        try:
            client = DICOMwebClient(url, session, headers=headers, timeout=TIMEOUT_S)
        except ValueError as error:
            raise MammoscopeError(_NO_ADDRESS) from error
        client.set_http_retry_params(retry=False)
        return client

    def _poll(self, queue: Queue, stop: threading.Event) -> None:
        backoff, failures = Backoff(self._options.poll_s), 0
        while not stop.is_set():
            try:
                self._fetch_new(queue, stop)
                failures = 0
            except Exception as error:
                # Whatever a server answers; what it says may quote a patient.
                failures += 1
                log.warning("cannot look for studies (%s)", _cause(error))
            stop.wait(backoff(failures + 1))

    def _fetch_new(self, queue: Queue, stop: threading.Event) -> None:
        client = self._client()
        today = date.today()
        first = today - timedelta(days=self._options.days)
        wanted = {
            "ModalitiesInStudy": "MG",
            "StudyDate": f"{first:%Y%m%d}-{today + timedelta(days=1):%Y%m%d}",
        }
        for study in _all(client.search_for_studies, _STUDY, stop, search_filters=wanted):
            if stop.is_set():
                return
            uid, count = study.uid, study.count
            if count is not None and self._seen.get(uid) == count:
                continue
            with self._one_failure(uid, "a study cannot be got"):
                if self._fetch(client, queue, uid):
                    _forget_if_many(self._seen)
                    self._seen[uid] = count

    def _fetch(self, client: DICOMwebClient, queue: Queue, study: str) -> bool:
        """Take what is new of a study; False if some of it could not be got."""
        # On record together: else the quiet period could end before all were fetched.
        kept: dict[str, str] = {}
        is_whole = True
        search = client.search_for_instances
        for image in _all(search, _INSTANCE, self._stop, study_instance_uid=study):
            if self._stop.is_set():
                return False
            if image.sop_class not in IMAGES or queue.knows(study, image.uid):
                continue
            with self._one_failure(study, "an image cannot be got"):
                data = self._retrieve(client, study, image)
                kept[image.uid] = queue.keep_image(data)
                log.info("%s: an image came (%d bytes)", study_name(study), len(data))
            is_whole = is_whole and image.uid in kept
        if queue.record(study, kept):
            log.warning(OTHER_IMAGE, study_name(study))
        return is_whole

    def _retrieve(self, client: DICOMwebClient, study: str, image: _Record) -> bytes:
        """An image as the service has it: bytes that our own parser reads, which is bounded."""
        if not image.series:
            raise ValueError("it is of no series")
        place = f"studies/{study}/series/{image.series}/instances/{image.uid}"
        answer: requests.Response = client._session.get(
            f"{self._options.url.rstrip('/')}/{place}",
            headers={"Accept": _OBJECT},
            timeout=TIMEOUT_S,
        )
        answer.raise_for_status()
        data = first_part(answer)
        if identity(data) != (study, image.uid):
            raise ValueError("another image came")
        return data

    @contextmanager
    def _one_failure(self, study: str, what: str) -> Iterator[None]:
        """A fault of one image or study ends nothing else: it is told once, and tried again."""
        try:
            yield
        except (requests.ConnectionError, requests.Timeout, OutputError):
            raise
        except Exception as error:
            # Servers and libraries fail on what is damaged in any way.
            words = f"{study_name(study)}: {what} ({_cause(error)})"
            if words not in self._told:
                _forget_if_many(self._told)
                self._told.add(words)
                log.warning(words)


def _store(client: DICOMwebClient, found: ResultObject) -> str | None:
    """None where the object was stored, or why it was not."""
    try:
        answer = client.store_instances([dcmread(BytesIO(read_file(found.file)))], found.study)
    except requests.HTTPError as error:
        if _status(error) in _NOT_NOW:
            raise Unreachable(_cause(error)) from error
        return _cause(error)
    except requests.RequestException as error:
        raise Unreachable(_cause(error)) from error
    except Exception as error:
        # The library fails on what a server answers in any way.
        return f"{type(error).__name__} while sending it"
    failed = answer.get("FailedSOPSequence")
    reason = failed[0].get("FailureReason") if failed else None
    return f"failure reason {reason if isinstance(reason, int) else 'unknown'}" if failed else None


@dataclass(frozen=True)
class _Record:
    """What is kept of one answer to a search; whatever else it holds is let go."""

    uid: str
    series: str
    sop_class: str
    count: int | None

    @classmethod
    def of(cls, answer: Any, key: str) -> _Record:
        count = _value(answer, _INSTANCES_IN_STUDY)
        return cls(
            uid=_uid(answer, key),
            series=_uid(answer, _SERIES),
            sop_class=_uid(answer, _SOP_CLASS),
            count=count if isinstance(count, int) and abs(count) < 1 << 32 else None,
        )


def _all(
    search: Callable[..., list[dict[str, Any]]], key: str, stop: threading.Event, **which: Any
) -> list[_Record]:
    """All answers to a search, page by page, each once: Orthanc gives all on every page.

    What has no UID for a ``key`` is passed over: it costs itself and no other.
    """
    found: dict[str, _Record] = {}
    pages = 0
    while len(found) < _MOST_ANSWERS and pages < _MOST_PAGES and not stop.is_set():
        page = search(limit=_PAGE, offset=len(found), **which)
        before, pages = len(found), pages + 1
        answers = page if isinstance(page, list) else []
        records = (_Record.of(answer, key) for answer in answers[:_MOST_ANSWERS])
        found.update((record.uid, record) for record in records if record.uid)
        if len(found) == before:
            break
    return list(found.values())[:_MOST_ANSWERS]


def _uid(answer: Any, tag: str) -> str:
    """A UID in DICOM's JSON; empty where there is none: it becomes a part of addresses."""
    value = _value(answer, tag)
    is_uid = isinstance(value, str) and len(value) <= 64 and _UID.fullmatch(value)
    return str(value) if is_uid else ""


def _value(answer: Any, tag: str) -> Any:
    """The first value of a tag in DICOM's JSON, or None, whatever stands there."""
    element = answer.get(tag) if isinstance(answer, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values else None


def _forget_if_many(memory: set[str] | dict[str, Any]) -> None:
    if len(memory) >= _REMEMBERED:
        memory.clear()


def _cause(error: Exception) -> str:
    """What went wrong, without what the server said and the address, which names a study."""
    if isinstance(error, requests.HTTPError):
        return f"HTTP status {_status(error)}"
    return type(error).__name__


def _status(error: requests.HTTPError) -> int | None:
    return None if error.response is None else error.response.status_code
