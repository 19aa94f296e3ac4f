"""To a PACS and back by DICOMweb: QIDO-RS finds studies, WADO-RS gets images, STOW-RS stores."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from dicomweb_client import DICOMwebClient
from pydicom import dcmread, dcmwrite

from mammoscope.dicom_results.study import study_name
from mammoscope.errors import MammoscopeError, OutputError
from mammoscope.node.backoff import Backoff
from mammoscope.node.link import IMAGES, OTHER_IMAGE, Unreachable, log
from mammoscope.node.options import DicomWebOptions
from mammoscope.node.queue import Queue, ResultObject

USER = "MAMMOSCOPE_DICOMWEB_USER"
PASSWORD = "MAMMOSCOPE_DICOMWEB_PASSWORD"
TOKEN = "MAMMOSCOPE_DICOMWEB_TOKEN"
"""Variables of the environment: a user with a password, or a bearer token."""

_STUDY, _SERIES = "0020000D", "0020000E"
_INSTANCE, _SOP_CLASS = "00080018", "00080016"
_INSTANCES_IN_STUDY = "00201208"

# HTTP statuses that speak of the caller or of the hour, not of the object.
_NOT_NOW = {401, 403, 404, 408, 429, 502, 503, 504}

_TIMEOUT_S = 60.0
_PAGE = 500


class DicomWebLink:
    """The way by DICOMweb; see :class:`~mammoscope.node.link.Link`.

    Raises
    ------
    MammoscopeError
        If the address cannot be meant, or a file for TLS cannot be used.
    """

    def __init__(self, options: DicomWebOptions) -> None:
        self._options = options
        self._client()
        # How many instances a study had when all its images had been taken.
        self._seen: dict[str, int | None] = {}
        self._told: set[str] = set()

    @contextmanager
    def receiving(self, queue: Queue) -> Iterator[None]:
        """Look for studies now and then while inside."""
        stop = threading.Event()
        thread = threading.Thread(target=self._poll, args=(queue, stop))
        log.info("looks for studies every %g s", self._options.poll_s)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def send(self, objects: Sequence[ResultObject]) -> Iterator[tuple[ResultObject, str | None]]:
        """Store objects, one a request."""
        client = self._client()
        for found in objects:
            yield found, _store(client, found)

    def _client(self) -> DICOMwebClient:
        # One a thread: a session must not be shared.
        session = requests.Session()
        # Else requests would look for credentials in ~/.netrc.
        session.trust_env = False
        headers = {}
        if token := os.environ.get(TOKEN):
            headers["Authorization"] = f"Bearer {token}"
        elif user := os.environ.get(USER):
            session.auth = (user, os.environ.get(PASSWORD, ""))
        if (tls := self._options.tls) is not None:
            tls.client()
            session.verify, session.cert = str(tls.ca), (str(tls.cert), str(tls.key))
        url = self._options.url
        if urlsplit(url).username is not None:
            raise MammoscopeError(f"credentials belong in {USER} and {PASSWORD}, not in the URL")
        try:
            client = DICOMwebClient(url, session, headers=headers, timeout=_TIMEOUT_S)
        except ValueError as error:
            raise MammoscopeError(f"{url!r} is no address of a DICOMweb service") from error
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
        for study in _all(client.search_for_studies, _STUDY, search_filters=wanted):
            if stop.is_set():
                return
            uid, count = _value(study, _STUDY), _value(study, _INSTANCES_IN_STUDY)
            if count is not None and self._seen.get(uid) == count:
                continue
            with self._one_failure(uid, "a study cannot be got"):
                if self._fetch(client, queue, uid):
                    self._seen[uid] = count

    def _fetch(self, client: DICOMwebClient, queue: Queue, study: str) -> bool:
        """Take what is new of a study; False if some of it could not be got."""
        # On record together: else the quiet period could end before all were fetched.
        kept: dict[str, str] = {}
        is_whole = True
        for image in _all(client.search_for_instances, _INSTANCE, study_instance_uid=study):
            instance = _value(image, _INSTANCE)
            if _value(image, _SOP_CLASS) not in IMAGES or queue.knows(study, instance):
                continue
            with self._one_failure(study, "an image cannot be got"):
                dataset = client.retrieve_instance(study, _value(image, _SERIES), instance)
                file = BytesIO()
                dcmwrite(file, dataset, enforce_file_format=True)
                kept[instance] = queue.keep_image(file.getvalue())
            is_whole = is_whole and instance in kept
        if queue.record(study, kept):
            log.warning(OTHER_IMAGE, study_name(study))
        return is_whole

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
                self._told.add(words)
                log.warning(words)


def _store(client: DICOMwebClient, found: ResultObject) -> str | None:
    """None where the object was stored, or why it was not."""
    try:
        answer = client.store_instances([dcmread(found.file)], found.study)
    except requests.HTTPError as error:
        if _status(error) in _NOT_NOW:
            raise Unreachable(_cause(error)) from error
        return _cause(error)
    except requests.RequestException as error:
        raise Unreachable(_cause(error)) from error
    except (OSError, ValueError) as error:
        return f"{type(error).__name__} while sending it"
    failed = answer.get("FailedSOPSequence")
    return f"failure reason {failed[0].get('FailureReason')}" if failed else None


def _all(
    search: Callable[..., list[dict[str, Any]]], key: str, **which: Any
) -> list[dict[str, Any]]:
    """All answers to a search, page by page, each once: Orthanc gives all on every page."""
    found: dict[str, dict[str, Any]] = {}
    while True:
        page = search(limit=_PAGE, offset=len(found), **which)
        before = len(found)
        found.update((_value(answer, key), answer) for answer in page)
        if len(found) == before:
            return list(found.values())


def _value(answer: dict[str, Any], tag: str) -> Any:
    """The first value of a tag in DICOM's JSON, or None."""
    return next(iter(answer.get(tag, {}).get("Value", [])), None)


def _cause(error: Exception) -> str:
    """What went wrong, without what the server said and the address, which names a study."""
    if isinstance(error, requests.HTTPError):
        return f"HTTP status {_status(error)}"
    return type(error).__name__


def _status(error: requests.HTTPError) -> int | None:
    return None if error.response is None else error.response.status_code
