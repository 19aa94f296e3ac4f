"""The four DICOMweb requests that another viewer makes: studies, series, metadata and frames.

What is served is not the stored file but the picture as our reading gives it: 16 bits, grey, all of
the file's transformations applied once. So the metadata say that, and have none of them left; OHIF
shows images with a VOI LUT Function black. A study's findings come along as TID 1500 where its
reader may see the model.

PS3.18: QIDO-RS (10.6), WADO-RS metadata (10.4.1.1.2) and frames (10.4.1.1.6).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from mammoscope.errors import MammoscopeError
from mammoscope.viewer.desk import NotNow
from mammoscope.viewer.people import Person
from mammoscope.viewer.served import Served, ServedStudy, has_pattern

_MOST = 100
_DICOM_JSON = "application/dicom+json"
_BOUNDARY = "mammoscope-frame"

_FILTERS = {
    "StudyInstanceUID": "StudyInstanceUID",
    "0020000D": "StudyInstanceUID",
    "PatientID": "PatientID",
    "00100020": "PatientID",
    "PatientName": "PatientName",
    "00100010": "PatientName",
}


def dicomweb_routes(served: Served, start: str = "/dicomweb") -> list[BaseRoute]:
    """The addresses below ``start``."""
    pages = _Pages(served)
    study, series = "/studies/{study}", "/studies/{study}/series/{series}"
    frames = f"{series}/instances/{{instance}}/frames/{{number:int}}"
    return [
        Route(f"{start}/studies", _answer(pages.studies)),
        Route(f"{start}{study}/series", _answer(pages.series)),
        Route(f"{start}{study}/metadata", _answer(pages.metadata)),
        Route(f"{start}{series}/metadata", _answer(pages.metadata)),
        Route(f"{start}{series}/instances", _answer(pages.metadata)),
        Route(f"{start}{frames}", _answer(pages.frame)),
    ]


def _answer(page: Callable[[Request, Person], Response]) -> Any:
    async def endpoint(request: Request) -> Response:
        try:
            return await asyncio.to_thread(page, request, request.scope["person"])
        except (KeyError, IndexError):
            return JSONResponse({"error": "there is no such thing"}, 404)
        except NotNow as error:
            return JSONResponse({"error": str(error)}, 403)
        except MammoscopeError:
            return JSONResponse({"error": "the image cannot be read"}, 422)

    return endpoint


class _Pages:
    def __init__(self, served: Served) -> None:
        self._served = served

    def studies(self, request: Request, person: Person) -> Response:
        """Studies that fit the query, a page of them."""
        asked = request.query_params
        wanted = {_FILTERS[name]: value for name, value in asked.items() if name in _FILTERS}
        first = max(0, _whole(asked.get("offset"), 0))
        count = min(_MOST, max(0, _whole(asked.get("limit"), _MOST)))
        if uid := wanted.pop("StudyInstanceUID", None):
            known: Iterable[ServedStudy] = [
                self._served.study(person, each) for each in uid.replace("\\", ",").split(",")
            ]
        else:
            known = self._served.studies(person, wanted.get("PatientID", "*"))
        found = []
        for study in known:
            told = study.about_study()
            if _fits(told, wanted):
                found.append(told)
            if len(found) >= first + count:
                break
        return _dicom_json(found[first : first + count])

    def series(self, request: Request, person: Person) -> Response:
        """The series of a study."""
        return _dicom_json(self._study(request, person).about_series())

    def metadata(self, request: Request, person: Person) -> Response:
        """All that is known of the instances of a study, or of one of its series."""
        study = self._study(request, person)
        return _dicom_json(study.metadata(request.path_params.get("series")))

    def frame(self, request: Request, person: Person) -> Response:
        """The pixels of an image."""
        at = request.path_params
        if at["number"] != 1:
            raise KeyError(at["number"])
        data = self._study(request, person).pixels(at["instance"])
        head = f"--{_BOUNDARY}\r\nContent-Type: application/octet-stream\r\n\r\n".encode()
        kind = f'multipart/related; type="application/octet-stream"; boundary={_BOUNDARY}'
        body = head + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
        return Response(body, headers={"Content-Type": kind})

    def _study(self, request: Request, person: Person) -> ServedStudy:
        return self._served.study(person, request.path_params["study"])


def _fits(told: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    tags = {"PatientID": "00100020", "PatientName": "00100010"}
    for keyword, pattern in wanted.items():
        (value,) = told[tags[keyword]].get("Value", [""])
        text = value.get("Alphabetic", "") if isinstance(value, dict) else str(value)
        if not has_pattern(text, pattern):
            return False
    return True


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else otherwise


def _dicom_json(values: Iterable[Any]) -> Response:
    return Response(json.dumps(list(values)), media_type=_DICOM_JSON)
