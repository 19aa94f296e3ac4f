"""Ways to tell a pair of breasts alike in warmth from one unlike, compared by patient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold

from mammoscope.errors import InputError
from mammoscope.evaluation.metrics.bootstrap import interval, resamples
from mammoscope.evaluation.metrics.estimates import Estimate
from mammoscope.evaluation.metrics.froc import ratio
from mammoscope.files import DISCLAIMER, ensure_folder, write_bytes
from mammoscope.geometry import FloatArray
from mammoscope.histopathology.comparison.config import RegionsConfig
from mammoscope.histopathology.comparison.figures import RESAMPLES, ClassFigures, measured
from mammoscope.histopathology.comparison.networks import ColourTrunk, Labels, TissueNetwork
from mammoscope.histopathology.comparison.pictures import SmallPictures, collate
from mammoscope.histopathology.comparison.starts import find_start, start_in_words
from mammoscope.tables import write_table
from mammoscope.thermography.features import asymmetry
from mammoscope.thermography.pairs import LABELS_ARE, Case
from mammoscope.training.classifiers.classical import CLASSICAL, evidence
from mammoscope.training.config import Settings, TrainingConfig, config_file
from mammoscope.training.engine.loop import Job, Run, digest_of, fit

METRICS: tuple[str, ...] = ("auc", "auc_same_size", "accuracy", "sensitivity", "specificity")
"""The second counts only patients whose cuts are of about one size; sensitivity is of pairs that
the reader called unlike."""

NETWORK = "network"

SINGLE = ("mean-difference", "area")
"""One number taken as it is, nothing learnt; the second is the size of the cut alone."""

METHODS = (*SINGLE, *CLASSICAL, NETWORK)

_CONFIGS = Path(__file__).parent / "configs"

DEFAULT_TRANSFER = _CONFIGS / "transfer.toml"

_ONE_SIZE = 1.2
"""Two areas whose ratio is no more than this are of about one size."""

_SEED = 0


@dataclass(frozen=True)
class TransferSettings(Settings):
    """Training of the network."""

    shipped = _CONFIGS

    network: RegionsConfig
    training: TrainingConfig


@dataclass(frozen=True)
class Result:
    """The figures of a method on a set, by metric; of a single number the AUC alone."""

    data: str
    method: str
    start: str
    patients: int
    figures: dict[str, Estimate]


Judge = Callable[[NDArray[np.int64], NDArray[np.int64], int], FloatArray]
"""Evidence (T,) about 0 of tests, by indices of training and tests and the number of the fold."""


def compare(
    name: str, cases: Sequence[Case], methods: Sequence[str], run: Run, config: Path | None = None
) -> list[Result]:
    """Cross-validate methods in five folds of patients, each of whom is one pair.

    Parameters
    ----------
    name
        Of the set.
    run
        Its weights are ImageNet's for the network (safetensors); None to ask timm, and where that
        fails to start from scratch.
    config
        TOML settings of the network; None for the shipped ones.

    Raises
    ------
    InputError
        If there are fewer than five patients of a label.
    """
    unlike = np.array([case.unlike for case in cases])
    if min(unlike.sum(), (~unlike).sum()) < 5:
        raise InputError(name, "fewer than five patients of a label: nothing can be compared")
    folds = StratifiedKFold(5, shuffle=True, random_state=_SEED)
    splits = list(folds.split(np.zeros(len(cases)), unlike))
    patients = [case.patient for case in cases]
    described = [asymmetry(case.pair) for case in cases]
    features = np.array([list(each.values()) for each in described], np.float32)
    areas = np.array([float(case.area) for case in cases])
    means = np.array([each["mean_difference"] for each in described])
    alone = dict(zip(SINGLE, (means, areas), strict=True))
    results = []
    for method in methods:
        run.report(f"{method} on {name}")
        start, kept = "nothing learnt", METRICS[:2]
        said = alone.get(method, np.empty(len(cases)))
        if method not in alone:
            kept, start = METRICS, "asymmetry features"
            judge = _on_features(method, features, unlike)
            if method == NETWORK:
                start, judge = _by_network(cases, unlike, config, run)
            for number, (training, test) in enumerate(splits, 1):
                said[test] = judge(training, test, number)
        figures = _figures(said, unlike, patients)
        figures["auc_same_size"] = _same_size(said, unlike, areas, patients)
        results.append(Result(name, method, start, len(cases), {m: figures[m] for m in kept}))
    return results


def _on_features(method: str, features: NDArray[np.float32], unlike: NDArray[np.bool_]) -> Judge:
    """A classical classifier on measures of asymmetry."""

    def judge(training: NDArray[np.int64], test: NDArray[np.int64], _: int) -> FloatArray:
        learn = CLASSICAL[method].learn
        model = learn(features[training], unlike[training].astype(np.int64), _SEED)
        return evidence(model, features[test])

    return judge


def _by_network(
    cases: Sequence[Case], unlike: NDArray[np.bool_], config: Path | None, run: Run
) -> tuple[str, Judge]:
    """What the network starts from, and how it judges."""
    settings = TransferSettings.read(config_file(config, DEFAULT_TRANSFER))
    given = {} if run.weights is None else {settings.network.trunk: run.weights}
    start = find_start(settings.network.trunk, given, run.report)
    pictures = np.stack([case.picture(settings.network.side) for case in cases])

    def judge(training: NDArray[np.int64], test: NDArray[np.int64], fold: int) -> FloatArray:
        whose = np.array([cases[i].patient for i in training.tolist()])
        labels = Labels(unlike[training], unlike[training].astype(np.int64), whose, 2)
        job = Job(
            NETWORK,
            lambda: _network(settings.network, labels),
            SmallPictures(pictures[training], labels, settings.training.seed),
            collate,
            settings,
            settings.training,
            digest_of([*whose.tolist(), sha256(pictures[training].tobytes()).hexdigest()]),
        )
        folder = ensure_folder(run.folder / f"fold-{fold}")
        return _look(fit(job, replace(run, folder=folder, weights=start)), pictures[test])

    return start_in_words(start), judge


def _network(config: RegionsConfig, labels: Labels) -> TissueNetwork:
    """A trunk whose first stages keep their weights; both labels weigh the same."""
    trunk = ColourTrunk(config.trunk, config.pad_type)
    trunk.freeze(config.frozen_stages)
    return TissueNetwork(trunk, labels.weights(), config.dropout)


@torch.no_grad()
def _look(network: TissueNetwork, pictures: NDArray[np.uint8]) -> FloatArray:
    """Logits (T,): of each picture and of it turned upside down, the mean."""
    batch = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float() / 255
    device = next(network.parameters()).device
    found = [network.logits(p.to(device))[:, 0].cpu() for p in (batch, batch.flip(2))]
    return np.asarray(torch.stack(found).mean(0).numpy(), np.float64)


def _figures(
    said: FloatArray, unlike: NDArray[np.bool_], patients: Sequence[str]
) -> dict[str, Estimate]:
    scores = np.stack([-said, said], axis=1)
    called = (expit(said) >= 0.5).astype(np.int64)
    return measured(ClassFigures(unlike.astype(np.int64), called, scores, (1,)), patients)


def _same_size(
    said: FloatArray, unlike: NDArray[np.bool_], areas: FloatArray, patients: Sequence[str]
) -> Estimate:
    """The AUC over pairs of patients whose areas differ by a fifth at most."""
    apart = np.abs(np.log(areas[unlike][:, None] / areas[~unlike]))
    near = (apart <= np.log(_ONE_SIZE)).astype(np.float64)
    above = said[unlike][:, None] - said[~unlike]
    won = near * ((above > 0) + 0.5 * (above == 0))
    draws = resamples(patients, RESAMPLES, 0, RESAMPLES)
    weights = np.vstack([np.ones((1, len(said))), *draws])
    one, other = weights[:, unlike], weights[:, ~unlike]
    values = ratio(((one @ won) * other).sum(axis=1), ((one @ near) * other).sum(axis=1))
    known = not np.isnan(values[0])
    return Estimate(float(values[0]) if known else None, *(interval(values[1:]) or ()))


def write_comparison(folder: Path, results: Sequence[Result]) -> None:
    """Write table.csv and table.md, each set apart, with what the labels are.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    ensure_folder(folder)
    rows = [
        {"set": r.data, "method": r.method, "start": r.start, "metric": metric, **e.as_dict()}
        for r in results
        for metric, e in r.figures.items()
    ]
    columns = ("set", "method", "start", "metric", "value", "low", "high")
    write_table(folder / "table.csv", columns, rows)
    write_bytes(folder / "table.md", "\n".join(_markdown(results)).encode())


def _markdown(results: Sequence[Result]) -> list[str]:
    lines = ["# Warmth of two breasts, alike or not", "", f"**{LABELS_ARE}**"]
    for name in dict.fromkeys(result.data for result in results):
        of_set = [result for result in results if result.data == name]
        lines += ["", f"## {name}: {of_set[0].patients} patients", ""]
        lines += [f"| method | starts from | {' | '.join(METRICS)} |"]
        lines += ["|---|---|" + "---|" * len(METRICS)]
        for each in of_set:
            found = (each.figures.get(metric, Estimate(None)).in_words for metric in METRICS)
            lines.append(f"| {each.method} | {each.start} | {' | '.join(found)} |")
    how = f"Five folds of patients; 95 % intervals from {RESAMPLES} resamples of patients."
    return [*lines, "", f"{how} {DISCLAIMER}", ""]
