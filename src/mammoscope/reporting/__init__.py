"""Results for people: overlays, previews, close-ups, the HTML report."""

from mammoscope.reporting.html.pictures import remove_pages
from mammoscope.reporting.html.writer import MOST_PAGES, ReportWriter, write_report
from mammoscope.reporting.pictures.closeup import encode_closeups, encode_pictures
from mammoscope.reporting.pictures.overlay import (
    encode_overlay,
    encode_preview,
    overlay,
    preview,
)

__all__ = [
    "MOST_PAGES",
    "ReportWriter",
    "encode_closeups",
    "encode_overlay",
    "encode_pictures",
    "encode_preview",
    "overlay",
    "preview",
    "remove_pages",
    "write_report",
]
