"""Both schemas there and back, whatever they hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mammoscope.errors import ReadError
from mammoscope.files import json_bytes, write_json
from mammoscope.geometry import Frame
from mammoscope.results import (
    IMAGE_SCHEMA,
    RUN_SCHEMA,
    Failure,
    ImageLine,
    RunSummary,
    image_result_from_json,
    image_result_json,
    json_schema,
    load_image_result,
    load_run,
    run_from_json,
    run_json,
)
from mammoscope.study import BreastScore, Link, PatientScore
from mammoscope.types import (
    Detections,
    Evidence,
    Explanation,
    Feature,
    ImageResult,
    ModelUse,
    NippleLine,
    SourceFacts,
)


def rounded(most: int, digits: int, least: int = 0) -> st.SearchStrategy[float]:
    """Numbers as they are written: what rounding does is not what is tested here."""
    scale = 10**digits
    return st.integers(least * scale, most * scale).map(lambda n: n / scale)


text = st.text(max_size=8)
maybe = st.none() | text
share = rounded(1, 6)
scores = st.none() | share
names = st.text(min_size=1, max_size=8)
sha256 = st.text("0123456789abcdef", min_size=64, max_size=64)
models = st.lists(st.builds(ModelUse, names, sha256), max_size=2).map(tuple)
texts = st.lists(text, max_size=2).map(tuple)
seconds = st.dictionaries(names, rounded(9999, 6), max_size=2)
points = st.tuples(rounded(3000, 2), rounded(3000, 2))
sides = rounded(900, 2, least=1)
boxes = st.tuples(rounded(900, 2), rounded(900, 2), sides, sides).map(
    lambda b: np.round([b[0], b[1], b[0] + b[2], b[1] + b[3]], 2)
)
features = st.dictionaries(
    names,
    st.builds(Feature, rounded(9, 6, -9), st.integers(0, 100), st.integers(0, 100)),
    max_size=2,
)
evidence = st.builds(
    lambda box, value: Evidence(box, np.full((2, 3), value)), boxes, rounded(9, 3, -9)
)


@st.composite
def image_results(draw: st.DrawFn) -> ImageResult:
    rows, columns = draw(st.integers(1, 4000)), draw(st.integers(1, 4000))
    spacing = draw(st.none() | st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)))
    frame = Frame(
        rows, columns, spacing_mm=spacing, spacing_source="PixelSpacing" if spacing else None
    )
    found = draw(
        st.lists(
            st.tuples(boxes, share, share | st.just(np.nan), st.sampled_from(["whole", "both"])),
            max_size=4,
        )
    )
    detections = Detections(
        boxes=np.array([box for box, *_ in found]).reshape(-1, 4),
        scores=np.array([score for _, score, *_ in found], dtype=np.float64),
        p_malignant=np.array([p for _, _, p, _ in found], dtype=np.float64),
        path=np.array([path for *_, path in found], dtype="<U5"),
        frame=frame,
    )
    facts = {key: draw(maybe) for key in ("transfer_syntax", "sop_instance_uid", "manufacturer")}
    why = st.builds(Explanation, features, st.none() | evidence)
    return ImageResult(
        name=draw(names),
        source=SourceFacts(draw(text), draw(sha256), "DICOM", rows, columns, 12, **facts),
        frame=frame,
        detections=detections,
        threshold=draw(share),
        malignant_threshold=draw(scores),
        explanations=tuple(draw(why) for _ in range(draw(st.integers(0, len(found))))),
        nipple_line=draw(st.none() | st.builds(NippleLine, points, points)),
        laterality=draw(st.sampled_from([None, "L", "R"])),
        view=draw(maybe),
        patient_id=draw(maybe),
        study_id=draw(maybe),
        models=draw(models),
        warnings=draw(texts),
        timings_s=draw(seconds),
    )


breast_scores = st.builds(
    BreastScore,
    maybe,
    st.sampled_from([None, "L", "R"]),
    st.lists(names, min_size=1, max_size=2).map(tuple),
    scores,
)
runs = st.builds(
    RunSummary,
    command=names,
    options=st.dictionaries(names, st.none() | st.booleans() | share | text, max_size=2),
    models=models,
    images=st.lists(
        st.builds(ImageLine, names, text, st.none() | st.integers(0, 9), scores, scores), max_size=2
    ).map(tuple),
    failures=st.lists(st.builds(Failure, text, names, text), max_size=2).map(tuple),
    links=st.lists(
        st.builds(
            Link,
            maybe,
            maybe,
            st.sampled_from(["L", "R"]),
            st.tuples(names, names),
            st.tuples(st.integers(1, 9), st.integers(1, 9)),
            st.tuples(rounded(900, 3), rounded(900, 3)),
            st.sampled_from(["mm", "depth"]),
        ),
        max_size=2,
    ).map(tuple),
    malignancy=st.lists(
        st.builds(
            PatientScore, maybe, scores, st.lists(breast_scores, min_size=1, max_size=2).map(tuple)
        ),
        max_size=2,
    ).map(tuple),
    ignored_paths=texts,
    notes=texts,
    timings_s=seconds,
    mammoscope=names,
    libraries=st.dictionaries(names, maybe, max_size=2),
    rule=text,
)


def plain(values: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json_bytes(values)))


@settings(deadline=None, max_examples=40)
@given(image_results())
def test_an_image_result_comes_back_as_it_was_written(result: ImageResult) -> None:
    values = plain(image_result_json(result))
    assert list(Draft202012Validator(json_schema(IMAGE_SCHEMA)).iter_errors(values)) == []
    assert plain(image_result_json(image_result_from_json(values))) == values


@settings(deadline=None, max_examples=40)
@given(runs)
def test_a_run_comes_back_as_it_was_written(summary: RunSummary) -> None:
    values = plain(run_json(summary))
    assert list(Draft202012Validator(json_schema(RUN_SCHEMA)).iter_errors(values)) == []
    assert plain(run_json(run_from_json(values))) == values


@given(runs.filter(lambda run: any(i.malignancy_score is not None for i in run.images)))
@settings(deadline=None, max_examples=20)
def test_the_values_of_a_run_come_back_too(summary: RunSummary) -> None:
    back = run_from_json(plain(run_json(summary)))
    assert back.failures == summary.failures and back.models == summary.models
    assert back.images == summary.images
    assert [b.images for p in back.malignancy for b in p.breasts] == [
        b.images for p in summary.malignancy for b in p.breasts
    ]


def test_keys_of_a_later_version_are_passed_over(make_result: Any, tmp_path: Path) -> None:
    values = image_result_json(make_result())
    values |= {"asymmetry": {"category": "B"}}
    values["source"] |= {"novel": 1}
    values["findings"][0] |= {"kind": "mass"}
    write_json(tmp_path / "r.json", values)
    assert load_image_result(tmp_path / "r.json").name == "left_cc"
    run = run_json(RunSummary("detect", images=(ImageLine("a", "a.dcm"),)))
    run["images"][0] |= {"exam_score": 0.5}
    write_json(tmp_path / "run.json", {**run, "novel": 1})
    assert load_run(tmp_path / "run.json").images == (ImageLine("a", "a.dcm"),)


@pytest.mark.parametrize(
    "wrong",
    [{"schema": "x/1"}, {"links": [{"images": ["a"]}]}, {"images": [{}]}, {"malignancy": {}}],
)
def test_what_is_no_run_is_named(tmp_path: Path, wrong: dict[str, Any]) -> None:
    path = tmp_path / "run.json"
    write_json(path, run_json(replace(RunSummary("detect"))) | wrong)
    with pytest.raises(ReadError, match="not a run's summary") as caught:
        load_run(path)
    assert str(path) in str(caught.value)
