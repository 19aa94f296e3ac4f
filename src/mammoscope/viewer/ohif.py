"""An unpacked OHIF viewer beside ours, at a port of its own, fed by our DICOMweb."""

from __future__ import annotations

import json
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from mammoscope.errors import InputError
from mammoscope.viewer.access import GUEST_POLICY, Access
from mammoscope.viewer.app import cookie_name, enter_route
from mammoscope.viewer.dicomweb import dicomweb_routes
from mammoscope.viewer.people import Doors
from mammoscope.viewer.served import Served
from mammoscope.viewer.site import Site

_CONFIG = {
    "name": "mammoscope",
    "routerBasename": None,
    "extensions": [],
    "modes": [],
    "customizationService": {},
    "showStudyList": True,
    "investigationalUseDialog": {"option": "always"},
    "maxNumberOfWebWorkers": 2,
    "showLoadingIndicator": True,
    "showWarningMessageForCrossOrigin": False,
    "showCPUFallbackMessage": False,
    "strictZSpacingForVolumeViewport": True,
    "defaultDataSourceName": "mammoscope",
    "dataSources": [
        {
            "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
            "sourceName": "mammoscope",
            "configuration": {
                "friendlyName": "mammoscope",
                "name": "mammoscope",
                "wadoUriRoot": "/dicomweb",
                "qidoRoot": "/dicomweb",
                "wadoRoot": "/dicomweb",
                "qidoSupportsIncludeField": False,
                "imageRendering": "wadors",
                "thumbnailRendering": "wadors",
                "enableStudyLazyLoad": True,
                "supportsFuzzyMatching": False,
                "supportsWildcard": True,
                "omitQuotationForMultipartRequest": True,
            },
        }
    ],
}


def find_ohif(folder: Path) -> Path:
    """The folder of OHIF's pages: the one given, or ``dist`` or ``package/dist`` in it.

    Raises
    ------
    InputError
        If none of them is there.
    """
    for place in (folder, folder / "dist", folder / "package" / "dist"):
        if (place / "index.html").is_file() and any(place.glob("app.bundle.*js")):
            return place
    raise InputError(folder, "holds no unpacked OHIF viewer (index.html and app.bundle.*.js)")


def ohif_app(pages: Path, served: Served, doors: Doors, site: Site) -> Starlette:
    """OHIF's pages with our configuration; addresses that are no file are its own to route."""
    index = pages / "index.html"

    def configuration(request: Request) -> Response:
        text = f"window.config = {json.dumps(_CONFIG)};\n"
        return Response(text, media_type="text/javascript")

    class Pages(StaticFiles):
        async def get_response(self, path: str, scope) -> Response:  # type: ignore[no-untyped-def]
            try:
                return await super().get_response(path, scope)
            except HTTPException as error:
                if error.status_code != 404 or "." in path.rsplit("/", 1)[-1]:
                    raise
                return FileResponse(index)

    routes = [
        enter_route(doors, site),
        Route("/app-config.js", configuration),
        *dicomweb_routes(served),
    ]
    access = Middleware(
        Access, doors=doors, hosts=site.hosts, cookie=cookie_name(site), policy=GUEST_POLICY
    )
    app = Starlette(routes=routes, middleware=[access])
    app.mount("/", Pages(directory=pages, html=True))
    return app
