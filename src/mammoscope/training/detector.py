"""Training of a detector: one run in one folder, resumable after a kill at any moment."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from mammoscope.datasets import AnnotatedImage
from mammoscope.datasets.table import split_by_patient
from mammoscope.detection.suppression import suppress
from mammoscope.errors import InputError
from mammoscope.files import write_bytes
from mammoscope.tables import BOX_COLUMNS, write_table
from mammoscope.training.checkpoint import Progress, save_weights
from mammoscope.training.config import AugmentationConfig, DetectorConfig
from mammoscope.training.data import (
    ChangedPictures,
    Sample,
    collate,
    load_samples,
    spare_size,
)
from mammoscope.training.losses import box_loss, heat_loss, targets
from mammoscope.training.network import (
    STRIDE,
    Decoder,
    MassNetwork,
    load_imagenet,
    restore_batch_norm,
)
from mammoscope.types import Detections

_BOX_WEIGHT = 2.0
"""How much the box counts beside the heat map in the loss."""

_VALIDATE_EVERY = 4
"""Epochs between two looks at the validation part; the last epoch always has one."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """Where a training run reads from and writes to.

    Parameters
    ----------
    folder
        Gets checkpoint.safetensors, detector.safetensors (averaged weights), config.toml, log.csv,
        and the validation part as validation/truth.csv and validation/epoch-NN.csv (predictions).
    weights
        ImageNet weights of the trunk as safetensors; None trains from scratch.
    report
        Is told, in a sentence, what goes on.
    """

    folder: Path
    weights: Path | None
    report: Report


def train_detector(config: DetectorConfig, images: tuple[AnnotatedImage, ...], run: Run) -> Path:
    """Train, or go on training where ``run.folder`` holds a checkpoint.

    The weights written last are those of the last epoch, averaged over training steps: the
    validation part chooses nothing, so its figures stay honest.

    Returns
    -------
    The file of the averaged weights.

    Raises
    ------
    InputError
        If no image can be used, or the folder's checkpoint is of another run.
    """
    torch.manual_seed(config.training.seed)
    shown, held_out = split_by_patient(images, config.training.held_out, config.training.seed)
    size = (config.network.rows, config.network.columns)
    run.folder.joinpath("validation").mkdir(parents=True, exist_ok=True)
    run.report(f"preprocessing {len(shown)} training and {len(held_out)} validation images")
    training = load_samples(shown, spare_size(*size), lambda e: run.report(f"left out: {e}"))
    validation = load_samples(held_out, size, lambda e: run.report(f"left out: {e}"))
    if not training:
        raise InputError(run.folder, "no training image could be used")
    _write_truth(run.folder / "validation" / "truth.csv", held_out)

    network = MassNetwork(config.network)
    if run.weights is not None:
        load_imagenet(network, run.weights)
        restore_batch_norm(network, _pictures(training[:: max(1, len(training) // 16)][:16], size))
    _freeze(network, config.network.frozen_stages)
    network.to(memory_format=torch.channels_last)
    progress = Progress(network, deepcopy(network), _optimizer(network, config))
    settings = config.as_dict() | {"images": [i.path.name for i in shown]}
    checkpoint = run.folder / "checkpoint.safetensors"
    if checkpoint.exists():
        progress.load(checkpoint, settings)
        run.report(f"going on after epoch {progress.epoch}")
    write_bytes(run.folder / "config.toml", config.as_toml().encode())

    pictures = ChangedPictures(training, size, config.augmentation, config.training.seed)
    while progress.epoch < config.training.epochs:
        loss = _epoch(progress, pictures, config, run.report)
        progress.epoch += 1
        progress.save(checkpoint, settings)
        save_weights(progress.average, run.folder / "detector.safetensors")
        _log(run.folder / "log.csv", progress.epoch, loss)
        is_last = progress.epoch == config.training.epochs
        if validation and (is_last or progress.epoch % _VALIDATE_EVERY == 0):
            found = predict(progress.average, validation, size)
            _write_predictions(
                run.folder / "validation" / f"epoch-{progress.epoch:02}.csv", validation, found
            )
    return run.folder / "detector.safetensors"


@torch.no_grad()
def predict(network: MassNetwork, samples: list[Sample], size: tuple[int, int]) -> list[Detections]:
    """What a network finds on samples fitted to ``size``, in pixels of the samples."""
    decoder = Decoder(network).eval()
    found = []
    for sample in samples:
        boxes, scores = decoder(_pictures([sample], size))
        raw = Detections.of(boxes[0].numpy(), scores[0].numpy(), sample.frame, "whole")
        found.append(suppress(raw))
    return found


def _epoch(
    progress: Progress, pictures: ChangedPictures, config: DetectorConfig, report: Report
) -> float:
    """One pass over the training pictures; returns the mean loss."""
    network = progress.network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()
    settings = config.training
    pictures.epoch = progress.epoch
    order = np.random.default_rng((settings.seed, progress.epoch)).permutation(len(pictures))
    loader = DataLoader(
        pictures, settings.batch, sampler=_Fixed(order), collate_fn=collate, drop_last=True
    )
    total = 0.0
    for i, (batch, boxes) in enumerate(loader):
        step = progress.epoch * len(loader) + i
        _set_learning_rate(progress.optimizer, config, step, settings.epochs * len(loader))
        loss = _loss(network, batch, boxes, settings.precision == "bfloat16")
        progress.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        progress.optimizer.step()
        _update_average(progress.average, network, min(settings.ema, (step + 1) / (step + 10)))
        total += loss.item()
        if i % 50 == 0:
            mean = total / (i + 1)
            report(f"epoch {progress.epoch + 1} step {i + 1}/{len(loader)} loss {mean:.3f}")
    return total / len(loader)


def _loss(network: torch.nn.Module, batch: Tensor, boxes: list[Tensor], mixed: bool) -> Tensor:
    rows, columns = batch.shape[-2] // STRIDE, batch.shape[-1] // STRIDE
    heat, sides, weight = targets(boxes, rows, columns)
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        logits, found = network(batch.contiguous(memory_format=torch.channels_last))
    return heat_loss(logits, heat) + _BOX_WEIGHT * box_loss(found, sides, weight)


def _pictures(samples: list[Sample], size: tuple[int, int]) -> Tensor:
    """Unchanged samples as a batch (B, 1, rows, columns) of ``size``."""
    pictures = ChangedPictures(samples, size, AugmentationConfig(), 0)
    return torch.stack([pictures[i][0] for i in range(len(samples))])


def _freeze(network: MassNetwork, stages: int) -> None:
    """Keep the weights of the trunk's stem and first stages."""
    if stages == 0:
        return
    for name, parameter in network.trunk.named_parameters():
        part, _, rest = name.partition(".")
        if part != "blocks" or int(rest.split(".")[0]) < stages:
            parameter.requires_grad = False


def _optimizer(network: MassNetwork, config: DetectorConfig) -> torch.optim.Optimizer:
    trunk = {id(p) for p in network.trunk.parameters()}
    groups: list[dict[str, object]] = []
    for share, in_trunk in ((0.5, True), (1.0, False)):
        for decays in (True, False):
            parameters = [
                p
                for p in network.parameters()
                if p.requires_grad and (id(p) in trunk) == in_trunk and (p.ndim > 1) == decays
            ]
            weight_decay = config.training.weight_decay if decays else 0.0
            groups.append({"params": parameters, "weight_decay": weight_decay, "share": share})
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=config.training.learning_rate)


def _set_learning_rate(
    optimizer: torch.optim.Optimizer, config: DetectorConfig, step: int, steps: int
) -> None:
    """Linear warm-up, then half a cosine down to a hundredth."""
    warm = min(1.0, (step + 1) / config.training.warmup_steps)
    cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps))
    for group in optimizer.param_groups:
        group["lr"] = config.training.learning_rate * group["share"] * warm * cosine


@torch.no_grad()
def _update_average(average: torch.nn.Module, network: torch.nn.Module, keep: float) -> None:
    for mean, now in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(now, 1 - keep)
        else:
            mean.copy_(now)


def _write_truth(path: Path, images: tuple[AnnotatedImage, ...]) -> None:
    rows: list[dict[str, object]] = []
    for image in images:
        for box, label in zip(image.boxes.tolist(), image.labels, strict=True):
            rows.append(_row(image, box) | {"label": label})
        if not len(image.boxes):
            rows.append({"image": image.path.name, "patient_id": image.patient_id})
    write_table(path, ("image", *BOX_COLUMNS, "label", "patient_id"), rows)


def _write_predictions(path: Path, samples: list[Sample], found: list[Detections]) -> None:
    rows = [
        _row(sample.image, [round(v, 2) for v in box.tolist()]) | {"score": round(score, 6)}
        for sample, detections in zip(samples, found, strict=True)
        for box, score in zip(
            sample.frame.boxes_to_source(detections.boxes), detections.scores.tolist(), strict=True
        )
    ]
    write_table(path, ("image", *BOX_COLUMNS, "score", "patient_id"), rows)


def _row(image: AnnotatedImage, box: list[float]) -> dict[str, object]:
    values: dict[str, object] = {"image": image.path.name, "patient_id": image.patient_id}
    return values | dict(zip(BOX_COLUMNS, box, strict=True))


def _log(path: Path, epoch: int, loss: float) -> None:
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(["epoch", "loss"])
        writer.writerow([epoch, f"{loss:.4f}"])


class _Fixed(Sampler[int]):
    """Samples in a given order."""

    def __init__(self, order: np.ndarray) -> None:
        self.order = order

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())

    def __len__(self) -> int:
        return len(self.order)
