"""The conformance statement says what the node and the objects do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

pytest.importorskip("pynetdicom")

from mammoscope.node.link import IMAGES

PAGE = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| [^|]+ \| (1\.2\.840[\d.]+) \| (yes|no) \| (yes|no) \|$", PAGE, re.MULTILINE)


def test_the_classes_that_are_taken_and_sent_stand_in_the_overview(
    make_case: Callable[..., Any],
) -> None:
    assert {uid for uid, _, provider in ROWS if provider == "yes"} == {*IMAGES, "1.2.840.10008.1.1"}
    case = make_case(["L_CC"])
    case.write()
    sent = {str(dcmread(path).SOPClassUID) for path in case.files()}
    assert {uid for uid, user, _ in ROWS if user == "yes"} == sent
