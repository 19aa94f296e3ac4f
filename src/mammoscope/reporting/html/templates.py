"""The templates, and what they may call."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from mammoscope._version import __version__
from mammoscope.classification.reference import TELLING, reference
from mammoscope.files import DISCLAIMER
from mammoscope.reporting.html.spread import bars
from mammoscope.reporting.html.study import counted
from mammoscope.reporting.pictures.closeup import FULL_LOG_ODDS, heat_map
from mammoscope.study.levels import RULE

_ABOUT_EXAM = (
    "Breast density is that of the image in the middle, by a model: A almost entirely fat, B"
    " scattered, C heterogeneously dense, D extremely dense. An exam score of 7 means that six to"
    " seven tenths of images read as normal have a lower malignancy score; that of a study is the"
    " highest of its images."
)

_ABOUT_MALIGNANCY = (
    f"The malignancy score is for ranking; as a product it is no probability. {RULE}"
)


@cache
def environment() -> Environment:
    """Everything that comes from a file is escaped: only our own style and script are markup."""
    made = Environment(
        autoescape=True,
        loader=FunctionLoader(lambda name: own_text(f"templates/{name}")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"px": "{:.2f}".format, "counted": counted}
    made.globals |= {
        "about_malignancy": _ABOUT_MALIGNANCY,
        "about_exam": _ABOUT_EXAM,
        "bars": bars,
        "disclaimer": DISCLAIMER,
        "full_log_odds": FULL_LOG_ODDS,
        "heat_map": heat_map,
        "reference": reference(),
        "telling": TELLING,
        "version": __version__,
    }
    return made


def own_text(name: str) -> str:
    """A file of this package."""
    return (resources.files("mammoscope.reporting.html") / name).read_text(encoding="utf-8")


def policy(style: Markup, script: Markup | None, pictures: str) -> str:
    """A content security policy: this style, this script, and ``pictures``; nothing else."""
    rules = [
        "default-src 'none'",
        f"img-src {pictures}",
        "base-uri 'none'",
        "form-action 'none'",
        f"style-src 'sha256-{_sha256(style)}'",
    ]
    return "; ".join(rules + ([f"script-src 'sha256-{_sha256(script)}'"] if script else []))


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
