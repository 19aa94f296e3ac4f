"""Folds and the final model of breast density, with what is measured out of fold on its card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mammoscope.annotations.splits import folds
from mammoscope.datasets import AnnotatedImage
from mammoscope.errors import InputError
from mammoscope.evaluation.metrics.agreement import Agreement
from mammoscope.files import ensure_folder
from mammoscope.models.card import SCHEMA
from mammoscope.models.density_card import DensityCard
from mammoscope.models.session import OnnxModel
from mammoscope.tables import write_table
from mammoscope.training.density.config import DensityConfig
from mammoscope.training.density.fit import LEAST_PATIENTS, Described, fitted
from mammoscope.training.density.network import DensityNetwork
from mammoscope.training.density.pictures import Breast, allowed_of, load_breasts
from mammoscope.training.detectors.predict import names_of
from mammoscope.training.engine.loop import Run
from mammoscope.training.export import compare_exported, exported, weights_facts, write_checked
from mammoscope.types import DENSITIES, Density
from mammoscope.types.density import middle

MODEL = "density.onnx"
"""Name of the exported model in a run's folder; its card lies beside it."""

_TOLERANCE = 1e-4
"""Largest difference of probabilities allowed between torch and ONNX."""

_EVERY = 100
"""After so many breasts it is said how many are done."""

Said = tuple[AnnotatedImage, Density]


def train_density(
    config: DensityConfig, images: Sequence[AnnotatedImage], count: int, run: Run
) -> DensityCard:
    """A model of all images, and what models of the other folds say of the patients of each.

    ``run.folder`` gets density.onnx with its card, on which the agreement out of fold stands, and
    density.csv with what was said of every image by a model that never saw its patient.

    Raises
    ------
    InputError
        If no image of known density can be used, there are fewer patients than folds, or a fold
        leaves fewer than two to learn from.
    """
    known = tuple(image for image in images if allowed_of(image) is not None)
    if not known:
        raise InputError(run.folder, "no image of known density")
    try:
        splits = folds(known, count, 0.0, config.fit.split_seed)
    except ValueError as error:
        raise InputError(run.folder, str(error)) from error
    ensure_folder(run.folder)
    run.report(f"preprocessing {len(known)} images")
    size = (config.network.rows, config.network.columns)
    breasts = load_breasts(known, size, lambda error: run.report(f"left out: {error}"))
    network = DensityNetwork(config.network).eval()
    if run.weights is not None:
        network.trunk.start_from(run.weights)
    described = _described(network, breasts, config.fit.least_share, run)
    said: list[tuple[int, Said]] = []
    for number, parts in enumerate(splits, 1):
        run.report(f"fitting fold {number}")
        paths = {image.path for image in parts.test}
        left_out = np.array([breast.image.path in paths for breast in breasts])
        if len(set(described.patients[~left_out])) < LEAST_PATIENTS:
            raise InputError(run.folder, f"fold {number}: one patient is too few to learn from")
        cuts = fitted(network, described.only(~left_out))
        judged = _judged(network, cuts, described.only(left_out))
        shown = [breast.image for breast in breasts if breast.image.path in paths]
        said += [(number, one) for one in zip(shown, judged, strict=True)]
    _write(run.folder / "density.csv", said, names_of(known))
    figures = agreement_facts([one for _, one in said], count)
    cuts = fitted(network, described)
    facts = {
        "name": "density",
        "version": "0",
        "cuts": {"grades": cuts, "rule": "each category is said as often as it is true"},
        "figures": figures,
    }
    return _exported(network, config, run.folder / MODEL, facts)


@torch.no_grad()
def _described(
    network: DensityNetwork, breasts: Sequence[Breast], least_share: float, run: Run
) -> Described:
    """Each breast as the trunk sees it."""
    features = []
    for number, breast in enumerate(breasts, 1):
        features.append(network.describe(torch.from_numpy(breast.picture)[None, None])[0].numpy())
        if not number % _EVERY:
            run.report(f"described {number} of {len(breasts)} breasts")
    sources = np.array([breast.image.source or "" for breast in breasts])
    share = {source: float(np.mean(sources == source)) for source in np.unique(sources)}
    return Described(
        np.stack(features),
        np.array([breast.allowed for breast in breasts], dtype=np.int64),
        np.array([max(1.0, least_share / share[source]) for source in sources]),
        np.array([f"{b.image.source} {b.image.patient_id}" for b in breasts]),
    )


@torch.no_grad()
def _judged(
    network: DensityNetwork, cuts: tuple[float, float, float], breasts: Described
) -> list[Density]:
    said = network.judge(torch.from_numpy(breasts.features))
    return [Density.of(each, cuts) for each in said.tolist()]


def agreement_facts(said: Sequence[Said], count: int) -> dict[str, Any]:
    """What a card says of agreement, all sources together and each alone, where A to D is known."""
    known = [(image, density) for image, density in said if image.density is not None]
    sources = sorted({image.source or "" for image, _ in known})
    groups = {source: [one for one in known if one[0].source == source] for source in sources}
    views = sorted({image.view for image, _ in known if image.view})
    groups |= {f"view {view}": [one for one in known if one[0].view == view] for view in views}
    groups["breasts"] = _breasts(known)
    return {
        "of": f"{count} models trained in the same way, each on the patients of the other folds",
        "interval": "95 %, 1000 resamples of patients, seed 0",
        "rows": "true A to D down, said A to D across",
        "breasts are": "the image in the middle of those of a breast that have one true category",
        **{name: _agreement(some) for name, some in {"all": known, **groups}.items() if some},
    }


def _breasts(said: Sequence[Said]) -> list[Said]:
    """Of each breast of known side one image, with what is said of the one in the middle."""
    breasts: dict[tuple[object, ...], list[Said]] = {}
    for image, density in said:
        if image.laterality:
            where = (image.source, image.patient_id, image.laterality, image.density)
            breasts.setdefault(where, []).append((image, density))
    return [
        (some[0][0], found)
        for some in breasts.values()
        if (found := middle(density for _, density in some)) is not None
    ]


def _agreement(said: Sequence[Said]) -> dict[str, Any]:
    true = np.array([(image.density or 0) - 1 for image, _ in said], dtype=np.int64)
    category = np.array([DENSITIES.index(density.category) for _, density in said], dtype=np.int64)
    patients = [f"{image.source} {image.patient_id}" for image, _ in said]
    found = Agreement.measured(true, category, patients, categories=len(DENSITIES))
    return {
        "images": len(said),
        "patients": len(set(patients)),
        "quadratic_kappa": {
            key: None if value is None else round(value, 3)
            for key, value in found.kappa.as_dict().items()
        },
        "table": found.table.tolist(),
    }


def _exported(
    network: DensityNetwork, config: DensityConfig, target: Path, facts: dict[str, Any]
) -> DensityCard:
    """Write ``target`` (``NAME.onnx``) and its card ``NAME.json``.

    Raises
    ------
    ModelError
        If the exported model does not give what the fitted one gives; what lay at ``target`` is
        then left as it was.
    """
    rows, columns = config.network.rows, config.network.columns
    data = exported(network, {"picture": torch.zeros(1, 1, rows, columns)}, ["probabilities"])
    card = {
        "schema": SCHEMA,
        **facts,
        "task": DensityCard.task,
        "weights": weights_facts(target.name, data),
        "input": {
            "rows": rows,
            "columns": columns,
            "channels": 1,
            "range": [0, 1],
            "preparation": "mammoscope.preprocessing.preprocess, then"
            " mammoscope.detection.prepare.fit",
        },
        "outputs": {"probabilities": "(1, 4) of A to D"},
    }

    def check(path: Path) -> None:
        card = DensityCard.read(path)
        compare_exported(
            network, OnnxModel(card), (card.rows, card.columns), "probabilities", _TOLERANCE
        )

    return DensityCard.read(write_checked(target, data, card, check))


def _write(path: Path, said: Sequence[tuple[int, Said]], names: dict[Path, str]) -> None:
    """What was said of each image, with the truth as far as it is known."""
    rows: list[dict[str, object]] = [
        {
            "image": names[image.path],
            "patient_id": image.patient_id,
            "source": image.source,
            "fold": fold,
            "true": None if image.density is None else DENSITIES[image.density - 1],
            "tissue": image.tissue,
            "said": density.category,
            **{
                f"p_{name.lower()}": round(p, 6)
                for name, p in zip(DENSITIES, density.probabilities, strict=True)
            },
        }
        for fold, (image, density) in said
    ]
    write_table(path, tuple(rows[0]), rows)
