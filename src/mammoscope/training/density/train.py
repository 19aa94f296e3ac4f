"""Folds and the final model of breast density, with what is measured out of fold on its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mammoscope.annotations.splits import folds
from mammoscope.datasets import AnnotatedImage
from mammoscope.density import OnnxDensity
from mammoscope.errors import InputError, ModelError
from mammoscope.evaluation.metrics.agreement import Agreement
from mammoscope.files import ensure_folder, write_json
from mammoscope.models.card import SCHEMA
from mammoscope.models.density_card import DensityCard
from mammoscope.models.session import OnnxModel
from mammoscope.preprocessing import preprocess
from mammoscope.tables import write_table
from mammoscope.training.config import DensityConfig
from mammoscope.training.density.network import DensityNetwork
from mammoscope.training.density.pictures import (
    Breast,
    ChangedBreasts,
    allowed_of,
    collate_breasts,
    load_breasts,
)
from mammoscope.training.detectors.predict import names_of
from mammoscope.training.engine.checkpoint import load_weights
from mammoscope.training.engine.done import is_done, mark_done
from mammoscope.training.engine.each import balanced, each
from mammoscope.training.engine.loop import Job, Run, digest_of, fit
from mammoscope.training.export import exported, made_picture, weights_facts, write_checked
from mammoscope.types import DENSITIES, Density

MODEL = "density.onnx"
"""Name of the exported model in a run's folder; its card lies beside it."""

_TOLERANCE = 1e-4
"""Largest difference of probabilities allowed between torch and ONNX."""

Said = tuple[AnnotatedImage, Density]


def train_density(
    config: DensityConfig, images: Sequence[AnnotatedImage], count: int, run: Run
) -> DensityCard:
    """A model of all images, and what models of the other folds say of the patients of each.

    ``run.folder`` gets density.onnx with its card, on which the agreement out of fold stands;
    density.csv with what was said of every image by a model that never saw its patient; and a
    folder a fold. Folds that are done are not done again.

    Raises
    ------
    InputError
        If no image has a known density, there are fewer patients than folds, or the folder holds
        folds of other settings or data.
    """
    known = tuple(image for image in images if allowed_of(image) is not None)
    try:
        splits = folds(known, count, 0.0, config.training.split_seed)
    except ValueError as error:
        raise InputError(run.folder, str(error)) from error
    said: list[tuple[int, Said]] = []
    for number, parts in enumerate(splits, 1):
        of_fold = replace(run, folder=run.folder / f"fold-{number}")
        card = _trained(config, parts.training, of_fold)
        run.report(f"looking at {len(parts.test)} images of fold {number}")
        said += [(number, one) for one in _looked(card, parts.test, run)]
    _write(run.folder / "density.csv", said, names_of(known))
    figures = agreement_facts([one for _, one in said], count)
    write_json(run.folder / "figures.json", figures)
    every = _trained(config, known, replace(run, folder=run.folder / "all"))
    facts = {"name": "density", "version": "0", "figures": figures}
    weights = every.path.parent / "density.safetensors"
    return export_density(config, weights, run.folder / MODEL, facts)


def agreement_facts(said: Sequence[Said], count: int) -> dict[str, Any]:
    """What a card says of agreement, all sources together and each alone, where A to D is known."""
    known = [(image, density) for image, density in said if image.density is not None]
    sources = sorted({image.source or "" for image, _ in known})
    groups = {source: [one for one in known if one[0].source == source] for source in sources}
    views = sorted({image.view for image, _ in known if image.view})
    groups |= {f"view {view}": [one for one in known if one[0].view == view] for view in views}
    return {
        "of": f"{count} models trained in the same way, each on the patients of the other folds",
        "interval": "95 %, 1000 resamples of patients, seed 0",
        "rows": "true A to D down, said A to D across",
        **{name: _agreement(some) for name, some in {"all": known, **groups}.items() if some},
    }


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


def export_density(
    config: DensityConfig, weights: Path, target: Path, facts: dict[str, Any]
) -> DensityCard:
    """Write ``target`` (``NAME.onnx``) and its card ``NAME.json``.

    Raises
    ------
    ModelError
        If the exported model does not give what the trained one gives; what lay at ``target`` is
        then left as it was.
    """
    network = DensityNetwork(config.network)
    load_weights(network, weights)
    network.eval()
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
    return DensityCard.read(write_checked(target, data, card, lambda path: _compare(network, path)))


def _compare(network: DensityNetwork, path: Path) -> None:
    card = DensityCard.read(path)
    model = OnnxModel(card)
    for seed in range(4):
        picture = made_picture(card.rows, card.columns, seed)
        with torch.no_grad():
            wanted = network(torch.from_numpy(picture)).numpy()
        (found,) = model(picture=picture)
        if not np.abs(wanted - found).max() <= _TOLERANCE:
            raise ModelError(f"{card.weights_path}: exported probabilities differ")


def _trained(config: DensityConfig, images: Sequence[AnnotatedImage], run: Run) -> DensityCard:
    """The card of a model of these images, trained if that was not done before."""
    seen = sorted(image.path.as_posix() for image in images)
    made_of: dict[str, object] = {"settings": config.as_dict(), "images": seen}
    if is_done(run.folder, made_of):
        return DensityCard.read((run.folder / MODEL).with_suffix(".json"))
    run.report(f"training {run.folder.name}: preprocessing {len(images)} images")
    ensure_folder(run.folder)
    size = (config.network.rows, config.network.columns)
    breasts = load_breasts(images, size, lambda error: run.report(f"left out: {error}"))
    if not breasts:
        raise InputError(run.folder, "no image of known density could be used")
    fit(_job(config, balanced(breasts, config.training.least_share)), run)
    facts = {"name": run.folder.name, "version": "0"}
    weights = run.folder / "density.safetensors"
    card = export_density(config, weights, run.folder / MODEL, facts)
    mark_done(run.folder, made_of)
    return card


def _job(config: DensityConfig, breasts: list[Breast]) -> Job[DensityNetwork]:
    shown = (f"{each.image.path.as_posix()} {each.allowed}" for each in breasts)
    return Job(
        "density",
        lambda: DensityNetwork(config.network),
        ChangedBreasts(breasts, config),
        collate_breasts,
        config,
        config.training,
        digest_of(shown),
    )


def _looked(card: DensityCard, images: Sequence[AnnotatedImage], run: Run) -> list[Said]:
    model = OnnxDensity(card)

    def look(image: AnnotatedImage) -> Said:
        return image, model.of(preprocess(image.read()).mammogram)

    return each(images, look, lambda error: run.report(f"left out: {error}"), workers=2)


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
