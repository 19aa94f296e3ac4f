"""What a run says of why, and of findings on two views."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mammoscope.models import ClassifierCard
from mammoscope.phantom import WrittenStudies
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.reading import find_images
from mammoscope.runs import run_detection


def test_what_is_shown_is_explained_and_linked(
    card_path: Path,
    write_classifier: Callable[..., ClassifierCard],
    study: WrittenStudies,
    tmp_path: Path,
) -> None:
    options = PipelineOptions(
        detector_card=card_path, classifier_card=write_classifier().path, threshold=0.05
    )
    run = run_detection(Pipeline(options), find_images([study.images[0].parent]), tmp_path / "out")
    assert all(len(result.shown) for result in run.results)
    for result in run.results:
        p = result.shown.p_malignant
        means = [why.evidence.log_odds.mean() for why in result.explanations if why.evidence]
        assert means == pytest.approx(np.log(p / (1 - p)), abs=1e-4)
    links = [made for each in run.studies for made in each.links]
    assert {made.laterality for made in links} == {"L", "R"}
    written = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [made["findings"] for made in written["links"]] == [[*made.findings] for made in links]
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<article") == sum(len(result.shown) for result in run.results)
