from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoscope.errors import InputError
from mammoscope.histopathology import TissueSet, load_tissue
from mammoscope.histopathology.comparison.benchmark import benchmark, figures_of, subtypes_to_test
from mammoscope.histopathology.comparison.config import (
    CnnSettings,
    FusedSettings,
    RegionsSettings,
)
from mammoscope.histopathology.comparison.fields import Fields
from mammoscope.histopathology.comparison.figures import METRICS
from mammoscope.histopathology.comparison.methods import (
    NAMES,
    Method,
    Regions,
    TissuePredictions,
    all_methods,
)
from mammoscope.histopathology.comparison.splits import Split, by_image, by_patient
from mammoscope.histopathology.comparison.table import SUBTYPES
from mammoscope.histopathology.tissue import TissueImage
from mammoscope.tables import read_table
from mammoscope.training.engine.loop import Run

RATES = (
    "recognition_rate_adenosis",
    "recognition_rate_fibroadenoma",
    "recognition_rate_ductal_carcinoma",
    "recognition_rate_lobular_carcinoma",
)


def quiet(text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Knowing:
    """A method that knows every answer but some, and counts how often it is asked."""

    asked: list[str]
    wrong: Set[Path] = frozenset()
    name: str = "svm"
    start: str = "the answers"

    @property
    def settings(self) -> dict[str, Any]:
        return {"start": self.start}

    def predict(self, fields: Fields, split: Split, run: Run) -> TissuePredictions:
        self.asked.append(run.folder.name)
        kinds = np.eye(len(fields.data.subtypes))[fields.subtype[split.test]]
        wrong = [fields.data.images[i].path in self.wrong for i in split.test.tolist()]
        return TissuePredictions((fields.malignant[split.test] ^ wrong).astype(float), kinds)


def rows_of(folder: Path) -> dict[tuple[str, ...], float | None]:
    keys = ("protocol", "task", "method", "metric")
    return {
        tuple(row[key] for key in keys): row.number("value") if row["value"] else None
        for row in read_table(folder / "table.csv", (*keys, "value", "low", "high"))
    }


def test_a_method_that_knows_every_answer_is_right_everywhere(
    data: TissueSet, tmp_path: Path
) -> None:
    protocols = by_image(data, 2, 0), by_patient(data, 2, 0)
    benchmark(data, protocols, [Knowing([])], Run(tmp_path, None, quiet))
    rows = rows_of(tmp_path)
    assert set(rows) == {
        (protocol, task, "svm", metric)
        for protocol in ("image", "patient")
        for task in ("binary", "subtypes")
        for metric in (*METRICS, *(RATES if task == "binary" else ()))
    }
    assert set(rows.values()) == {1.0}


def test_of_each_subtype_it_is_told_how_often_it_is_called_right(
    data: TissueSet, tmp_path: Path
) -> None:
    # The first patient of adenosis and all of one subtype are called wrong.
    wrong = {image.path for image in data.images if image.patient == "100"}
    wrong |= {image.path for image in data.images if image.subtype == "lobular carcinoma"}
    benchmark(data, [by_patient(data, 2, 0)], [Knowing([], wrong)], Run(tmp_path, None, quiet))
    rows = rows_of(tmp_path)
    found = [rows["patient", "binary", "svm", rate] for rate in RATES]
    assert found == [0.5, 1.0, 1.0, 0.0]
    rows_in_words = (tmp_path / "table.md").read_text(encoding="utf-8")
    # Of a single patient there is no interval.
    assert "| svm | patient | 0.500 (0.00 to 1.00) | 1.000 (1.00 to 1.00) |" in rows_in_words
    assert "| 0.000 |" in rows_in_words


def test_what_is_done_is_not_done_again_and_gives_the_same(data: TissueSet, tmp_path: Path) -> None:
    method = Knowing([])
    run = Run(tmp_path, None, quiet)
    for _ in range(2):
        benchmark(data, [by_patient(data, 3, 0)], [method], run)
        written = (tmp_path / "table.csv").read_bytes(), (tmp_path / "table.md").read_bytes()
    assert method.asked == ["fold-1", "fold-2", "fold-3"]
    benchmark(data, [by_patient(data, 3, 0)], [method], run)
    assert written == ((tmp_path / "table.csv").read_bytes(), (tmp_path / "table.md").read_bytes())
    with pytest.raises(InputError, match=r"done.json: this fold is of other settings or data"):
        benchmark(data, [by_patient(data, 2, 0)], [method], run)
    with pytest.raises(InputError, match="other settings"):
        benchmark(data, [by_patient(data, 3, 0)], [replace(method, start="a guess")], run)


def test_a_subtype_of_one_patient_is_named_and_not_tested_by_patient(
    data: TissueSet, fields: Fields, tmp_path: Path
) -> None:
    images, patients = by_image(data, 2, 0), by_patient(data, 2, 0)
    assert subtypes_to_test(data, images) == (0, 1, 2, 3)
    assert subtypes_to_test(data, patients) == (0, 1, 2)
    said = [Knowing([]).predict(fields, s, Run(tmp_path, None, quiet)) for s in patients.splits]
    figures, units = figures_of(fields, patients, said, SUBTYPES)
    assert set(figures.truth.tolist()) == {0, 1, 2}
    assert len(units) == 12 and "400" not in units
    benchmark(data, [patients], [Knowing([])], Run(tmp_path, None, quiet))
    assert "Of lobular carcinoma there is one patient only" in (tmp_path / "table.md").read_text()


def test_where_no_subtype_can_be_tested_the_rest_still_is(data: TissueSet, tmp_path: Path) -> None:
    first = {image.subtype: image for image in reversed(data.images)}
    few = TissueSet(tuple(first.values()), data.subtypes)
    protocol = by_patient(few, None, 0)
    assert subtypes_to_test(few, protocol) == ()
    benchmark(few, [protocol], [Knowing([])], Run(tmp_path, None, quiet))
    assert {key[1] for key in rows_of(tmp_path)} == {"binary"}


def test_without_patients_there_is_one_protocol_and_the_table_says_why(
    data: TissueSet, tmp_path: Path
) -> None:
    images = tuple(replace(image, patient=None) for image in data.images)
    nobodys = TissueSet(images, data.subtypes)
    benchmark(nobodys, [by_image(nobodys, 2, 0)], [Knowing([])], Run(tmp_path, None, quiet))
    assert {key[0] for key in rows_of(tmp_path)} == {"image"}
    assert "whose images these are is not known" in (tmp_path / "table.md").read_text()


def test_all_six_methods_run_end_to_end(
    breakhis: Path,
    regions: RegionsSettings,
    cnn: CnnSettings,
    fused: FusedSettings,
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    data = load_tissue(breakhis)
    said: list[str] = []
    six = ("random-forest", "kmeans-gmm", "svm", "resnet-inception", "cnn", "cnn-tanh", "ours")
    ours: Callable[[Any], Method] = lambda report: Regions.of(regions, None)  # noqa: E731
    methods = all_methods(ours, cnn, fused, {}, six, said.append)
    assert all(isinstance(method, Method) for method in methods)
    assert [method.name for method in methods] == [name for name in NAMES if name in six]
    run = Run(tmp_path, None, quiet)
    results = benchmark(data, [by_patient(data, 2, 0)], methods, run)
    assert {row.method for row in results.rows} == set(six)
    values = [row.estimate.value for row in results.rows]
    assert all(value is not None and 0 <= value <= 1 for value in values)
    table = (tmp_path / "table.md").read_text()
    assert "resnet10t: from scratch, inception_v3: from scratch" in table
    assert "| ours | from scratch |" in table
    assert any("no ImageNet weights of resnet10t" in line for line in said)
    assert "not testable" in table and "0.9541" in table
    assert (tmp_path / "chart.png").stat().st_size > 10_000
    assert (tmp_path / "activations.png").exists()
    assert results.cost.seconds > 0


def test_an_image_is_of_its_own_where_patients_are_unknown(tmp_path: Path, breakhis: Path) -> None:
    images = tuple(
        TissueImage(image.path, image.subtype, image.malignant, None, None)
        for image in load_tissue(breakhis).images[:3]
    )
    fields = Fields(TissueSet(images, ("adenosis",)), tmp_path, quiet)
    assert len(fields.labels(np.arange(3)).by_patient(False)) == 3
