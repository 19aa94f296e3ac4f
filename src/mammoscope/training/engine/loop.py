"""The training loop: one network, one folder, resumable after a kill at any moment.

On several GPUs or machines start it with ``torchrun`` or ``accelerate launch``; each process then
shows its share of every epoch's pictures.
"""

from __future__ import annotations

import csv
import hashlib
import math
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

import cv2
import numpy as np
import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import parse_flag_from_env
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

from mammoscope.errors import InputError
from mammoscope.files import write_bytes
from mammoscope.training.config import Settings, TrainingConfig
from mammoscope.training.engine.checkpoint import Progress, load_weights, save_weights
from mammoscope.training.engine.precision import resolved
from mammoscope.training.engine.recover import load_exported

_CALIBRATION_PICTURES = 16
"""Pictures from which folded batch-norms get their statistics back."""

_LARGEST_GRADIENT = 10.0

_MIXED = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}


@dataclass(frozen=True)
class Step:
    """News of a training step.

    Parameters
    ----------
    number, of
        Of the step among all steps, from 1, and how many these are.
    in_epoch, of_epoch
        Of the step in its epoch, from 1, and how many an epoch has.
    epoch
        From 1.
    loss
        Mean over the epoch so far.
    """

    number: int
    of: int
    in_epoch: int
    of_epoch: int
    epoch: int
    loss: float


@dataclass(frozen=True)
class Run:
    """Where a training run reads from and writes to.

    Parameters
    ----------
    folder
        Gets checkpoint.safetensors, NAME.safetensors (averaged weights), config.toml and log.csv.
    weights
        Where the trunk starts, see ``FeatureExtractor.start_from``; None trains from scratch.
    start
        NAME.safetensors of an earlier run of the same network, to train further; then ``weights``
        are not used.
    report
        Is told, in a sentence, what goes on.
    on_step
        Is told of every step.
    """

    folder: Path
    weights: Path | None
    report: Callable[[str], None]
    on_step: Callable[[Step], None] = lambda step: None
    start: Path | None = None


class Pictures(Protocol):
    """Training pictures by index, ``epoch`` after ``epoch``; the first of an item is the picture.

    What an item holds depends on the seed, the epoch and the index alone, so that a run that was
    cut off goes on as if it had not been.
    """

    epoch: int

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Any, ...]: ...


Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Job(Generic[Network]):
    """What is trained, and on what.

    Parameters
    ----------
    name
        Of the weights file: ``"detector"`` or ``"classifier"``.
    build
        Makes the untrained network, with what is not to learn frozen. Called with a batch it gives
        the loss. Its ``trunk`` is a :class:`~mammoscope.training.engine.trunk.FeatureExtractor`.
    pictures, collate
        The training pictures, and how a list of them becomes a batch.
    settings, training
        All settings, and those of the run.
    data
        Digest of what the pictures are made of.
    """

    name: str
    build: Callable[[], Network]
    pictures: Pictures
    collate: Callable[[list[Any]], tuple[Any, ...]]
    settings: Settings
    training: TrainingConfig
    data: str


def fit(job: Job[Network], run: Run) -> Network:
    """Train, or go on training where ``run.folder`` holds a checkpoint.

    The weights are those of the last epoch, averaged over steps: nothing is chosen on data.

    Raises
    ------
    InputError
        If the folder's checkpoint is of another run, the ImageNet weights do not fit, or the
        pictures do not fill one batch.
    """
    settings = job.training
    torch.manual_seed(settings.seed)
    precision = resolved(settings.precision, _processes().device)
    if settings.precision == "auto":
        run.report(f"precision: {precision}")
    # accelerate keeps the first network's precision for all of a process.
    AcceleratorState._reset_state()
    accelerator = Accelerator(mixed_precision=_MIXED[precision])
    _need_a_batch(len(job.pictures), settings.batch, accelerator.num_processes, run)
    checkpoint = run.folder / "checkpoint.safetensors"
    goes_on = checkpoint.exists()
    network = job.build()
    if not goes_on:
        _start(network, job.pictures, run)
    network.to(memory_format=torch.channels_last)
    progress = Progress(network, deepcopy(network), _optimizer(network, settings))
    made_of = job.settings.as_dict() | {"data": job.data}
    if goes_on:
        progress.load(checkpoint, made_of)
        run.report(f"going on after epoch {progress.epoch}")
    progress.average.to(accelerator.device)
    model, optimizer = accelerator.prepare(network, progress.optimizer)
    if accelerator.is_main_process:
        write_bytes(run.folder / "config.toml", job.settings.as_toml().encode())
    while progress.epoch < settings.epochs:
        start = time.perf_counter()
        loss = _epoch(_Parts(accelerator, model, optimizer, progress), job, run)
        progress.epoch += 1
        if accelerator.is_main_process:
            # In this order: a kill in between repeats the epoch; the other leaves old weights.
            save_weights(progress.average, run.folder / f"{job.name}.safetensors")
            progress.save(checkpoint, made_of)
            _log(run.folder / "log.csv", progress.epoch, loss, time.perf_counter() - start)
        accelerator.wait_for_everyone()
    return cast(Network, progress.average.cpu().eval())


def is_main_process() -> bool:
    """Whether this process is the one that writes, among those that ``torchrun`` has started."""
    return bool(_processes().is_main_process)


def several_processes() -> bool:
    """Whether this process is one of several that ``torchrun`` has started."""
    return bool(_processes().num_processes > 1)


def _processes() -> Any:
    """The one among those started that this is, as ``Accelerator`` will know it."""
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))


@dataclass(frozen=True)
class _Parts:
    """What a step works with."""

    accelerator: Any
    model: Any
    optimizer: Any
    progress: Progress


def _need_a_batch(pictures: int, batch: int, processes: int, run: Run) -> None:
    if pictures < batch * processes:
        over = f" in each of {processes} processes" if processes > 1 else ""
        raise InputError(
            run.folder, f"{pictures} training pictures do not fill one batch of {batch}{over}"
        )


def digest_of(lines: Iterable[str]) -> str:
    """What a run was trained on, as sha256 over lines that tell it."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _start(network: Any, pictures: Pictures, run: Run) -> None:
    """The weights that a new run begins with."""
    if run.start is not None and run.start.suffix == ".onnx":
        load_exported(network, run.start)
        network.trunk.restore_batch_norm(_first_look(pictures))
    elif run.start is not None:
        load_weights(network, run.start)
    elif run.weights is not None:
        network.trunk.start_from(run.weights)
        network.trunk.restore_batch_norm(_first_look(pictures))


def _first_look(pictures: Pictures) -> torch.Tensor:
    """Pictures from which folded batch-norms get their statistics back."""
    step = max(1, len(pictures) // _CALIBRATION_PICTURES) | 1
    chosen = range(0, len(pictures), step)[:_CALIBRATION_PICTURES]
    return torch.stack([pictures[i][0] for i in chosen])


def _epoch(parts: _Parts, job: Job[Any], run: Run) -> float:
    """One pass over the training pictures; returns the mean loss."""
    parts.model.train()
    settings, accelerator = job.training, parts.accelerator
    job.pictures.epoch = epoch = parts.progress.epoch
    # What is dropped out depends on the epoch alone, as the pictures do.
    torch.manual_seed(settings.seed + epoch)
    loader = _loader(job, accelerator.process_index, accelerator.num_processes)
    of = settings.epochs * len(loader)
    total = 0.0
    for i, (pictures, *rest) in enumerate(loader):
        number = epoch * len(loader) + i
        _set_learning_rate(parts.progress.optimizer, settings, number, of)
        pictures = pictures.to(accelerator.device, memory_format=torch.channels_last)
        loss = parts.model(pictures, *rest)
        parts.optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(parts.model.parameters(), _LARGEST_GRADIENT)
        parts.optimizer.step()
        keep = min(settings.ema, (number + 1) / (number + 10))
        _update_average(parts.progress.average, parts.progress.network, keep)
        total += loss.item()
        run.on_step(Step(number + 1, of, i + 1, len(loader), epoch + 1, total / (i + 1)))
    return total / len(loader)


def _loader(job: Job[Any], process: int, processes: int) -> DataLoader[Any]:
    """The pictures of one process in the order of the epoch, the same after a restart."""
    settings, pictures = job.training, job.pictures
    order = np.random.default_rng((settings.seed, pictures.epoch)).permutation(len(pictures))
    whole_batches = len(order) // (processes * settings.batch) * processes * settings.batch
    # Only a forked process shares the pictures' memory; elsewhere they are made in this one.
    workers = settings.workers if "fork" in multiprocessing.get_all_start_methods() else 0
    return DataLoader(
        cast("Dataset[Any]", pictures),
        settings.batch,
        sampler=_Fixed(order[:whole_batches][process::processes]),
        collate_fn=job.collate,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
        worker_init_fn=_one_thread,
    )


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(0)


def _optimizer(network: Any, settings: TrainingConfig) -> torch.optim.Optimizer:
    trunk = {id(p) for p in network.trunk.parameters()}
    groups: list[dict[str, object]] = []
    for share, in_trunk in ((settings.trunk_share, True), (1.0, False)):
        for decays in (True, False):
            parameters = [
                p
                for p in network.parameters()
                if p.requires_grad and (id(p) in trunk) == in_trunk and (p.ndim > 1) == decays
            ]
            weight_decay = settings.weight_decay if decays else 0.0
            groups.append({"params": parameters, "weight_decay": weight_decay, "share": share})
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=settings.learning_rate)


def _set_learning_rate(
    optimizer: torch.optim.Optimizer, settings: TrainingConfig, step: int, steps: int
) -> None:
    """Linear warm-up, then half a cosine down to a hundredth."""
    warm = min(1.0, (step + 1) / settings.warmup_steps)
    cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps))
    for group in optimizer.param_groups:
        group["lr"] = settings.learning_rate * group["share"] * warm * cosine


@torch.no_grad()
def _update_average(average: torch.nn.Module, network: torch.nn.Module, keep: float) -> None:
    for mean, now in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(now, 1 - keep)
        else:
            mean.copy_(now)


def _log(path: Path, epoch: int, loss: float, seconds: float) -> None:
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(["epoch", "loss", "seconds"])
        writer.writerow([epoch, f"{loss:.4f}", f"{seconds:.1f}"])


class _Fixed(Sampler[int]):
    """Samples in a given order."""

    def __init__(self, order: np.ndarray) -> None:
        self.order = order

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())

    def __len__(self) -> int:
        return len(self.order)
