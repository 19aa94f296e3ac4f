"""Results for people: overlays, previews, close-ups, the HTML report."""

from mammoscope.reporting.html.writer import ReportWriter
from mammoscope.reporting.pictures.closeup import encode_closeups
from mammoscope.reporting.pictures.overlay import (
    Preview,
    encode_preview,
    overlay,
    preview,
    write_overlay,
)

__all__ = [
    "Preview",
    "ReportWriter",
    "encode_closeups",
    "encode_preview",
    "overlay",
    "preview",
    "write_overlay",
]
