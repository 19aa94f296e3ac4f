"""Results for machines and for people: JSON, overlays, the HTML report."""

from mammoscope.reporting.closeup import encode_closeups
from mammoscope.reporting.html import ReportWriter
from mammoscope.reporting.image_json import (
    IMAGE_SCHEMA,
    image_result_from_json,
    image_result_json,
    json_schema,
    load_image_result,
)
from mammoscope.reporting.overlay import Preview, encode_preview, overlay, preview, write_overlay
from mammoscope.reporting.run_json import (
    RUN_SCHEMA,
    Failure,
    ImageLine,
    RunSummary,
    library_versions,
    run_json,
)

__all__ = [
    "IMAGE_SCHEMA",
    "RUN_SCHEMA",
    "Failure",
    "ImageLine",
    "Preview",
    "ReportWriter",
    "RunSummary",
    "encode_closeups",
    "encode_preview",
    "image_result_from_json",
    "image_result_json",
    "json_schema",
    "library_versions",
    "load_image_result",
    "overlay",
    "preview",
    "run_json",
    "write_overlay",
]
