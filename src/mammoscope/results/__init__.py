"""Results as values and as JSON: each schema is written and read here."""

from mammoscope.results.brief import BriefFinding, BriefResult, BriefRun, read_briefly
from mammoscope.results.findings import FINDING_COLUMNS, finding_rows
from mammoscope.results.image import (
    IMAGE_SCHEMA,
    IMAGE_SCHEMAS,
    image_result_from_json,
    image_result_json,
    json_schema,
    load_image_result,
)
from mammoscope.results.log import LOG, RunLog, source_path, source_root
from mammoscope.results.run import (
    FINISHED,
    RUN_SCHEMA,
    RUN_SCHEMAS,
    UNFINISHED,
    Failure,
    ImageLine,
    RunSummary,
    image_lines,
    library_versions,
    load_run,
    run_from_json,
    run_json,
)

__all__ = [
    "FINDING_COLUMNS",
    "FINISHED",
    "IMAGE_SCHEMA",
    "IMAGE_SCHEMAS",
    "LOG",
    "RUN_SCHEMA",
    "RUN_SCHEMAS",
    "UNFINISHED",
    "BriefFinding",
    "BriefResult",
    "BriefRun",
    "Failure",
    "ImageLine",
    "RunLog",
    "RunSummary",
    "finding_rows",
    "image_lines",
    "image_result_from_json",
    "image_result_json",
    "json_schema",
    "library_versions",
    "load_image_result",
    "load_run",
    "read_briefly",
    "run_from_json",
    "run_json",
    "source_path",
    "source_root",
]
