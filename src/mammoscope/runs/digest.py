"""What a result depends on, as one digest: where it is the same, the result is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mammoscope._version import __version__
from mammoscope.pipeline import Pipeline
from mammoscope.results import IMAGE_SCHEMA, library_versions


def pipeline_options(pipeline: Pipeline) -> dict[str, Any]:
    """Every option that can change a result, as plain values."""
    options = pipeline.options
    return {
        **asdict(options.reading),
        **asdict(options.preprocessing),
        "metadata": options.metadata is not None,
        "threshold": pipeline.threshold,
        "classify": options.classify,
        "paths": pipeline.paths,
    }


def result_digest(pipeline: Pipeline, path: Path, sha256: str) -> str:
    """Of a file's bytes, what ``--metadata`` says of it, models, cards, options and versions.

    Versions are ours and those of the libraries that decode, resize and run models.

    Parameters
    ----------
    sha256
        Of the file's bytes.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    metadata = pipeline.options.metadata
    said = None if metadata is None else metadata.said_of(path)
    values = {
        "schema": IMAGE_SCHEMA,
        "mammoscope": __version__,
        "libraries": library_versions(),
        "source": sha256,
        "said": None if said is None else asdict(said),
        "models": [asdict(model) for model in pipeline.models],
        "cards": pipeline.cards,
        "options": pipeline_options(pipeline),
    }
    text = json.dumps(values, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
