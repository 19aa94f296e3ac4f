"""All methods on the same splits, by image and by patient: one table."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mammoscope.errors import InputError
from mammoscope.evaluation.metrics.estimates import Estimate
from mammoscope.files import ensure_folder, read_file, write_json
from mammoscope.histopathology.classifier import MALIGNANT_FROM
from mammoscope.histopathology.comparison.fields import Fields, digest
from mammoscope.histopathology.comparison.figures import RECOGNITION, ClassFigures, measured
from mammoscope.histopathology.comparison.methods import Method, TissuePredictions
from mammoscope.histopathology.comparison.splits import IMAGE, Protocol, Split
from mammoscope.histopathology.comparison.table import (
    BINARY,
    SUBTYPES,
    Cost,
    Result,
    Results,
    peak_mb,
    rate_of,
)
from mammoscope.histopathology.tissue import TissueSet
from mammoscope.tables import read_table, write_table
from mammoscope.training.engine.loop import Run

_DONE, PREDICTIONS = "done.json", "predictions.csv"


def benchmark(
    data: TissueSet,
    protocols: Sequence[Protocol],
    methods: Sequence[Method],
    run: Run,
    normalise: bool = False,
) -> Results:
    """Predict every image by every method, under every protocol; ``run.folder`` gets all of it.

    With ``normalise`` all methods see every image with its stains made standard.

    METHOD/PROTOCOL/fold-K/predictions.csv is of the tests of a fold, done.json says that it is
    done: it is not done again. table.csv, table.md and the charts are written after each method.

    Raises
    ------
    InputError
        If an image cannot be read, or the folder holds folds of other settings or data.
    """
    fields = Fields(data, run.folder / "cache", run.report, normalise)
    results = Results.of(data, protocols, list(_notes(fields, protocols)))
    for method in methods:
        cost = Cost(0.0, 0.0)
        for protocol in protocols:
            predicted = []
            for number, split in enumerate(protocol.splits, 1):
                folder = run.folder / method.name / protocol.name / f"fold-{number}"
                fold, of_fold = _fold(fields, method, split, replace(run, folder=folder))
                predicted.append(fold)
                cost = cost.plus(of_fold)
            for task in tasks(data):
                if task == SUBTYPES and not subtypes_to_test(data, protocol):
                    continue
                figures, units = figures_of(fields, protocol, predicted, task)
                found = measured(figures, units)
                if task == BINARY and SUBTYPES in tasks(data):
                    found |= dict(_by_subtype(fields, protocol, figures, units))
                for metric, estimate in found.items():
                    results.rows.append(Result(protocol.name, task, method.name, metric, estimate))
        results.starts[method.name], results.costs[method.name] = method.start, cost
        results.write(run.folder)
    return results


def tasks(data: TissueSet) -> tuple[str, ...]:
    """Benign or malignant, and the subtypes where there are more."""
    return (BINARY, SUBTYPES) if len(data.subtypes) > 2 else (BINARY,)


def figures_of(
    fields: Fields, protocol: Protocol, predicted: Sequence[TissuePredictions], task: str
) -> tuple[ClassFigures, list[str]]:
    """The figures of all folds' tests together, and what is to be resampled: patients or images."""
    tests = np.concatenate([split.test for split in protocol.splits])
    classes: tuple[int, ...] = (1,)
    if task == BINARY:
        p = np.concatenate([fold.p_malignant for fold in predicted])
        truth = fields.malignant[tests].astype(np.int64)
        scores = np.stack([1 - p, p], axis=1)
        called = (p >= MALIGNANT_FROM).astype(np.int64)
    else:
        scores = np.concatenate([fold.p_subtype for fold in predicted])
        truth, called = fields.subtype[tests], scores.argmax(axis=1)
        classes = subtypes_to_test(fields.data, protocol)
    kept = np.isin(truth, classes) | (task == BINARY)
    figures = ClassFigures(truth[kept], called[kept], scores[kept], classes)
    images = [fields.data.images[i] for i in tests[kept].tolist()]
    by_image = protocol.name == IMAGE
    return figures, [each.path.as_posix() if by_image else str(each.patient) for each in images]


def _by_subtype(
    fields: Fields, protocol: Protocol, binary: ClassFigures, units: Sequence[str]
) -> Iterator[tuple[str, Estimate]]:
    """How often tests of a subtype are called right as benign or malignant: recognition rates."""
    kinds = fields.subtype[np.concatenate([split.test for split in protocol.splits])]
    for number, name in enumerate(fields.data.subtypes):
        of_it = np.flatnonzero(kinds == number)
        part = ClassFigures(
            binary.truth[of_it], binary.called[of_it], binary.scores[of_it], binary.classes
        )
        if len(of_it):
            yield rate_of(name), measured(part, [units[i] for i in of_it.tolist()])[RECOGNITION]


def subtypes_to_test(data: TissueSet, protocol: Protocol) -> tuple[int, ...]:
    """Subtypes that are learnt from in every fold that tests them."""
    kinds = np.array([data.subtypes.index(image.subtype) for image in data.images])
    unlearnt = [set(kinds[s.test]) - set(kinds[s.training]) for s in protocol.splits]
    return tuple(sorted(set(kinds.tolist()).difference(*unlearnt)))


def _notes(fields: Fields, protocols: Sequence[Protocol]) -> Iterator[str]:
    data = fields.data
    if fields.normalise:
        yield "All methods see images whose stains are made standard."
    if not data.has_patients:
        yield "By patient nothing can be tested: whose images these are is not known."
    for protocol in protocols:
        lost = set(range(len(data.subtypes))) - set(subtypes_to_test(data, protocol))
        if lost and SUBTYPES in tasks(data):
            names = ", ".join(data.subtypes[number] for number in sorted(lost))
            yield (
                f"Of {names} there is one {protocol.name} only, or all are tested at once: not"
                f" testable by {protocol.name}."
            )


def fold_is_of(fields: Fields, method: Method, split: Split, folder: Path) -> bool:
    """Whether a fold is done.

    Raises
    ------
    InputError
        If it is of other settings or data.
    """
    done = folder / _DONE
    if not done.exists():
        return False
    if json.loads(read_file(done))["made_of"] != _made_of(fields, method, split):
        raise InputError(done, "this fold is of other settings or data")
    return True


def _made_of(fields: Fields, method: Method, split: Split) -> dict[str, Any]:
    images = fields.data.images
    return {
        "settings": method.settings,
        "normalised": fields.normalise,
        "training": digest([images[i] for i in split.training.tolist()]),
        "test": digest([images[i] for i in split.test.tolist()]),
    }


def _fold(fields: Fields, method: Method, split: Split, run: Run) -> tuple[TissuePredictions, Cost]:
    """A method's predictions of a fold's tests, read where that was done before."""
    done, table = run.folder / _DONE, run.folder / PREDICTIONS
    if not fold_is_of(fields, method, split, run.folder):
        run.report(f"{method.name}, by {run.folder.parent.name}, {run.folder.name}")
        start = time.perf_counter()
        ensure_folder(run.folder)
        _write_predictions(table, fields, split, method.predict(fields, split, run))
        cost = {"seconds": round(time.perf_counter() - start, 1), "peak_mb": peak_mb()}
        write_json(done, {"made_of": _made_of(fields, method, split), **cost})
    known = json.loads(read_file(done))
    return read_predictions(table), Cost(known["seconds"], known["peak_mb"])


def _write_predictions(path: Path, fields: Fields, split: Split, found: TissuePredictions) -> None:
    subtypes = fields.data.subtypes
    rows = []
    for at, i in enumerate(split.test.tolist()):
        kinds = (f"{p:.6f}" for p in found.p_subtype[at])
        image = fields.data.images[i].path.name
        facts = {"image": image, "p_malignant": f"{found.p_malignant[at]:.6f}"}
        rows.append(facts | dict(zip(subtypes, kinds, strict=True)))
    write_table(path, ("image", "p_malignant", *subtypes), rows)


def read_predictions(path: Path) -> TissuePredictions:
    """Of a fold's tests, in their order."""
    table = read_table(path)
    values = np.array([[row.number(name) for name in table.columns[1:]] for row in table])
    return TissuePredictions(values[:, 0], values[:, 1:])
