"""Folds and the final model of a second look, with what is measured out of fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from mammoscope.annotations.splits import folds
from mammoscope.datasets import AnnotatedImage
from mammoscope.detection.second_look import log_odds, together
from mammoscope.errors import InputError
from mammoscope.files import ensure_folder
from mammoscope.geometry import FloatArray
from mammoscope.models.card import SCHEMA
from mammoscope.models.second_look_card import SecondLookCard
from mammoscope.models.session import OnnxModel
from mammoscope.tables import BOX_COLUMNS, write_table
from mammoscope.training.detectors.predict import names_of, write_truth
from mammoscope.training.engine.checkpoint import load_weights
from mammoscope.training.engine.loop import Job, Run, digest_of, fit
from mammoscope.training.export import compare_exported, exported, weights_facts, write_checked
from mammoscope.training.marks import Marks
from mammoscope.training.second_look.config import SecondLookConfig
from mammoscope.training.second_look.network import SecondLookNetwork
from mammoscope.training.second_look.pictures import ChangedRegions, collate
from mammoscope.training.second_look.regions import LEARNT, Looked, load_regions

MODEL = "second-look.onnx"
"""Name of the exported model in a run's folder; its card lies beside it."""

NAMED_FROM = 0.9
"""Probability from which a region is said to be one of the things that look like a mass."""

_TOLERANCE = 1e-3
"""Largest difference of logits allowed between torch and ONNX."""

_WEAK = 10.0
"""So weak a penalty that it matters only where a few regions could be told apart perfectly."""

Coefficients = tuple[float, float, float]
"""Bias, slope of the detector's log-odds, slope of the second look's."""


@dataclass(frozen=True)
class Judged:
    """What a model that never saw the patient says of an image's best marks: chances (M, K)."""

    looked: Looked
    fold: int
    chances: FloatArray

    @property
    def evidence(self) -> FloatArray:
        """(M, 2) log-odds of a mass by the detector and by the second look."""
        scores = self.looked.marks.scores[: len(self.chances)]
        return np.stack([log_odds(scores), log_odds(self.chances[:, 0])], axis=1)


def train_second_look(
    config: SecondLookConfig,
    images: Sequence[AnnotatedImage],
    marks: Mapping[Path, Marks],
    count: int,
    run: Run,
) -> SecondLookCard:
    """A model of all images, and what models of the other folds say of the marks of each patient.

    ``run.folder`` gets second-look.onnx with its card, truth.csv, and marks.csv with every mark,
    its score before and after, for ``mammoscope evaluate``. What a fold's model says is put
    together with the score by coefficients of the other folds.

    Parameters
    ----------
    marks
        What a detector that has not learnt from the patient found. Images without any are learnt
        from, and nothing is measured on them.

    Raises
    ------
    InputError
        If no mark lies on the images, none hits a mass, or there are fewer patients than folds.
    """
    try:
        splits = folds(tuple(images), count, 0.0, config.training.split_seed)
    except ValueError as error:
        raise InputError(run.folder, str(error)) from error
    ensure_folder(run.folder)
    run.report(f"preprocessing {len(images)} images")
    looked = load_regions(images, marks, config, lambda e: run.report(f"left out: {e}"))
    judged = []
    for number, parts in enumerate(splits, 1):
        out = {image.path for image in parts.test}
        of_fold = replace(run, folder=run.folder / f"fold-{number}")
        run.report(f"training {of_fold.folder.name}")
        network = fitted(config, [one for one in looked if one.image.path not in out], of_fold)
        judged += [
            Judged(one, number, chances_of(network, one.pictures))
            for one in looked
            if one.image.path in out and one.image.path in marks and one.tells
        ]
    coefficients = coefficients_of(judged, run.folder)
    names = names_of(images)
    fold_of = {one.looked.image.path: one.fold for one in judged}
    write_truth(run.folder / "truth.csv", [o.looked.image for o in judged], names, fold_of)
    _write(run.folder / "marks.csv", _rescored(judged, run.folder), names)
    run.report("training the model of all")
    network = fitted(config, looked, run)
    return _exported(network, config, run.folder / MODEL, coefficients)


def fitted(config: SecondLookConfig, looked: Sequence[Looked], run: Run) -> SecondLookNetwork:
    """Train on the regions of images, or go on where ``run.folder`` holds a checkpoint."""
    ensure_folder(run.folder)
    pictures = ChangedRegions(looked, config)
    if not pictures.masses:
        raise InputError(run.folder, "no source has both masses and what is none")
    shown = (
        f"{one.image.path.as_posix()} {one.image.boxes.tolist()} {one.marks.boxes.tolist()}"
        for one in looked
    )
    job = Job(
        "second-look",
        lambda: SecondLookNetwork(config.network, len(LEARNT)),
        pictures,
        collate,
        config,
        config.training,
        digest_of(shown),
    )
    fit(job, run)
    network = SecondLookNetwork(config.network, len(LEARNT))
    load_weights(network, run.folder / "second-look.safetensors")
    return network.eval()


@torch.no_grad()
def chances_of(network: SecondLookNetwork, pictures: NDArray[np.uint16]) -> FloatArray:
    """(M, K) chances of each of :data:`LEARNT` for pictures uint16 (M, side, side)."""
    if not len(pictures):
        return np.zeros((0, len(LEARNT)))
    shown = torch.from_numpy(pictures.astype(np.float32) / np.float32(65535))[:, None]
    return np.asarray(torch.softmax(network(shown).double(), dim=1).numpy())


def coefficients_of(judged: Sequence[Judged], where: Path) -> Coefficients:
    """Logistic regression of hits on what detector and second look say (J. Platt 1999).

    Raises
    ------
    InputError
        If no mark hits a mass, or every one does.
    """
    counting = [one.looked.counts[: len(one.chances)] for one in judged]
    evidence = np.concatenate(
        [np.zeros((0, 2)), *(one.evidence[c] for one, c in zip(judged, counting, strict=True))]
    )
    known = [one.looked.hits[: len(c)][c] for one, c in zip(judged, counting, strict=True)]
    hits = np.concatenate([np.zeros(0, dtype=bool), *known])
    if hits.all() or not hits.any():
        raise InputError(where, "marks that hit a mass and marks that hit none are wanted")
    model = LogisticRegression(C=_WEAK).fit(evidence, hits)
    of_score, of_look = model.coef_[0].tolist()
    return round(float(model.intercept_[0]), 4), round(of_score, 4), round(of_look, 4)


def _rescored(judged: Sequence[Judged], where: Path) -> list[tuple[Judged, FloatArray]]:
    """New scores of the marks of each image; those that were not looked at keep theirs."""
    by_fold = {
        fold: coefficients_of([one for one in judged if one.fold != fold], where)
        for fold in {one.fold for one in judged}
    }
    found = []
    for one in judged:
        scores = one.looked.marks.scores.copy()
        of_fold = by_fold[one.fold]
        best = scores[: len(one.chances)]
        best[:] = together(best, one.chances[:, 0], of_fold)
        found.append((one, scores))
    return found


def _write(
    path: Path, rescored: Sequence[tuple[Judged, FloatArray]], names: Mapping[Path, str]
) -> None:
    """Every mark that counts: its score after and before, and what its region is said to be."""
    rows: list[dict[str, object]] = []
    for one, scores in rescored:
        marks, image = one.looked.marks, one.looked.image
        for at, (box, before) in enumerate(zip(marks.boxes.tolist(), marks.scores, strict=True)):
            if not one.looked.counts[at]:
                continue
            row: dict[str, object] = {"image": names[image.path], "patient_id": image.patient_id}
            row |= dict(zip(BOX_COLUMNS, (round(v, 2) for v in box), strict=True))
            row |= {"score": round(float(scores[at]), 6), "before": round(float(before), 6)}
            if at < len(one.chances):
                chances = one.chances[at]
                best = int(chances.argmax())
                row |= {"p_mass": round(float(chances[0]), 6), "kind": LEARNT[best]}
                row |= {"p_kind": round(float(chances[best]), 6)}
            rows.append(row | {"source": image.source, "fold": one.fold})
    columns = ("image", *BOX_COLUMNS, "score", "before", "p_mass", "kind", "p_kind")
    write_table(path, (*columns, "patient_id", "source", "fold"), rows)


def _exported(
    network: SecondLookNetwork,
    config: SecondLookConfig,
    target: Path,
    coefficients: Coefficients,
) -> SecondLookCard:
    """Write ``target`` (``NAME.onnx``) and its card ``NAME.json``.

    Raises
    ------
    ModelError
        If the exported model does not give what the trained one gives; what lay at ``target`` is
        then left as it was.
    """
    side = config.network.side
    data = exported(network, {"picture": torch.zeros(1, 1, side, side)}, ["logits"])
    card: dict[str, Any] = {
        "schema": SCHEMA,
        "name": "second-look",
        "version": "0",
        "task": SecondLookCard.task,
        "weights": weights_facts(target.name, data),
        "input": {
            "side": side,
            "margin": config.network.margin,
            "channels": 1,
            "range": [0, 1],
            "preparation": "mammoscope.preprocessing.preprocess, then"
            " mammoscope.classification.roi.cut",
        },
        "outputs": {"logits": f"(1, {len(LEARNT)}) of the kinds"},
        "kinds": list(LEARNT),
        "calibration": {
            "score": list(coefficients),
            "rule": "marks of patients out of fold; the best of each image",
        },
        "regions": config.regions.looked_at,
        "named_from": NAMED_FROM,
    }

    def check(path: Path) -> None:
        card = SecondLookCard.read(path)
        compare_exported(network, OnnxModel(card), (card.side, card.side), "logits", _TOLERANCE)

    return SecondLookCard.read(write_checked(target, data, card, check))
