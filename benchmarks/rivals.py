"""What can be installed beside us, on the same images in the same run: quality where known, cost.

    python benchmarks/rivals.py                        # two made-up women
    python benchmarks/rivals.py --data truth:FOLDER --limit 20 --repeats 3 --json figures.json

Phase by phase: the breast against medip (PyPI; `pip install medip`, not needed by us), detection
against torchvision's RetinaNet-ResNet50-FPN v2, short side at 1750 pixels as the nearest open
system runs it. No weights of a rival for mammograms are at hand: the RetinaNet's are random, so it
costs what a trained one does and finds nothing, and its quality is not told. What cannot be had is
named with its reason. Quality is known on made-up images (the breast they were drawn with, their
masses) and, of detection, on a set with boxes. Cost: seconds an image, least of the repeats of each
image, and its ratio to ours in the same phase, all on the same cores.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope import datasets
from mammoscope.annotations.table import AnnotatedImage
from mammoscope.detection import OnnxDetector
from mammoscope.evaluation import EvaluationOptions, HitRule, Predictions, Truth, evaluate
from mammoscope.files import write_json
from mammoscope.models import DetectorCard, find_card
from mammoscope.phantom import PhantomOptions, make_phantom
from mammoscope.phantom.dicom import write_dicom
from mammoscope.phantom.encoding import ENCODINGS
from mammoscope.preprocessing import preprocess
from mammoscope.reading import read

Mask = NDArray[np.bool_]

SHORT_SIDE, LONG_SIDE = 1750, 2200
NOT_TOLD = "not told"


@dataclass(frozen=True)
class Image:
    """A file, whose it is, its lesions in pixels, and the breast where that is known."""

    path: Path
    patient: str
    boxes: Any
    breast: Mask | None = None


@dataclass(frozen=True)
class Row:
    """One system in one phase."""

    phase: str
    system: str
    seconds: float
    ratio: float
    quality: str


def main() -> None:
    """Print a table, and what was left out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="ADAPTER:PATH; default: made-up women")
    parser.add_argument("--limit", type=int, default=8, help="images, the first of the set")
    parser.add_argument("--rows", type=int, default=2294, help="height of made-up images")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = (
            _of_set(chosen.data, chosen.limit)
            if chosen.data
            else _made_up(folder, chosen.rows, chosen.limit)
        )
        rows, left_out = compare(images, chosen.repeats, cores or 1, folder)
    print(f"{len(images)} images, {cores} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| phase | system | s an image | times ours | quality |\n|---|---|---|---|---|")
    for row in rows:
        cost = f"{row.seconds:.2f} | {row.ratio:.2g}"
        print(f"| {row.phase} | {row.system} | {cost} | {row.quality} |")
    if not chosen.data:
        print("\nThe images are made up, by us: quality on them says little of patients' images.")
    for system, why in left_out.items():
        print(f"\nLeft out: {system}: {why}")
    if chosen.json:
        facts = {"images": len(images), "cores": cores, "rows": [asdict(row) for row in rows]}
        write_json(chosen.json, {**facts, "left_out": left_out})


def compare(
    images: Sequence[Image], repeats: int, cores: int, folder: Path
) -> tuple[list[Row], dict[str, str]]:
    """Rows of all systems that are there, ours first in each phase, and why others are not."""
    left_out: dict[str, str] = {}
    rows = _rows("breast", _breast(repeats, images, folder, left_out))
    return rows + _rows("detection", _detection(repeats, images, cores, left_out)), left_out


def _rows(phase: str, found: dict[str, tuple[float, str]]) -> list[Row]:
    ours = next(iter(found.values()))[0]
    return [Row(phase, name, s, s / ours, quality) for name, (s, quality) in found.items()]


def _breast(
    repeats: int, images: Sequence[Image], folder: Path, left_out: dict[str, str]
) -> dict[str, tuple[float, str]]:
    """Reading and preprocessing of a file, each system from the file on."""

    def ours(image: Image) -> Mask:
        picture = read(image.path)
        return preprocess(picture).breast.on(picture.frame)

    systems: dict[str, Callable[[Image], Mask]] = {"mammoscope": ours}
    try:
        medip = importlib.import_module("medip")
    except ImportError as error:
        left_out["medip"] = f"not installed ({error}); pip install medip"
    else:
        config = medip.api.load_default_config()

        def theirs(image: Image) -> Mask:
            done = medip.run(image.path, folder / "medip", config)
            if done["failures"]:
                raise RuntimeError(str(done["failures"][0]))
            written = cv2.imread(str(done["output_path"]), cv2.IMREAD_UNCHANGED)
            return np.asarray(written > 0)

        systems["medip (writes a PNG, too)"] = theirs
    found = {}
    for name, look in systems.items():
        seconds, masks = _timed(look, images, repeats)
        known = [
            _dice(mask, image.breast)
            for mask, image in zip(masks, images, strict=True)
            if image.breast is not None
        ]
        told = f"Dice {np.mean(known):.3f}, least {min(known):.3f}" if known else NOT_TOLD
        found[name] = seconds, told
    return found


def _detection(
    repeats: int, images: Sequence[Image], cores: int, left_out: dict[str, str]
) -> dict[str, tuple[float, str]]:
    """From the prepared breast, or of the RetinaNet the whole picture, to boxes."""
    detector = OnnxDetector(find_card(DetectorCard), "both", threads=cores)
    pictures = {image.path: read(image.path) for image in images}
    breasts = {path: preprocess(picture).mammogram for path, picture in pictures.items()}

    def ours(image: Image) -> tuple[Any, Any]:
        breast = breasts[image.path]
        seen = detector.find(breast)
        return breast.frame.boxes_to_source(seen.boxes), seen.scores

    seconds, marks = _timed(ours, images, repeats)
    truth = Truth.of([image.boxes for image in images], [image.patient for image in images])
    predictions = Predictions.of(*zip(*marks, strict=True))
    seen = evaluate(predictions, truth, EvaluationOptions(HitRule("center", None)))
    at = seen.sensitivity_at_fppi[1.0]
    told = NOT_TOLD
    if at.value is not None:
        ends = "of one patient" if at.low is None else f"{at.low:.2f} to {at.high:.2f}"
        told = f"sensitivity at 1 FPPI, centre: {at.value:.2f} ({ends})"
    found: dict[str, tuple[float, str]] = {"mammoscope, both paths": (seconds, told)}
    try:
        look = _retinanet(cores)
    except ImportError as error:
        left_out["RetinaNet"] = f"not installed ({error}); extra [train]"
        return found
    seconds, _ = _timed(lambda image: look(pictures[image.path].pixels), images, repeats)
    found["RetinaNet-ResNet50-FPN v2, random weights"] = seconds, "none: weights are random"
    return found


def _retinanet(cores: int) -> Callable[[Any], Any]:
    torch = importlib.import_module("torch")
    models = importlib.import_module("torchvision.models.detection")
    torch.set_num_threads(cores)
    network = models.retinanet_resnet50_fpn_v2(
        weights=None,
        weights_backbone=None,
        num_classes=3,
        min_size=SHORT_SIDE,
        max_size=LONG_SIDE,
    ).eval()

    def run(pixels: Any) -> Any:
        with torch.inference_mode():
            return network([torch.from_numpy(np.ascontiguousarray(pixels)).expand(3, -1, -1)])

    return run


def _timed(
    look: Callable[[Image], Any], images: Sequence[Image], repeats: int
) -> tuple[float, list[Any]]:
    """Mean over images of the least seconds of each, after one run to warm up; what it gave."""
    look(images[0])
    least, given = [], []
    for image in images:
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            value = look(image)
            times.append(time.perf_counter() - start)
        least.append(min(times))
        given.append(value)
    return float(np.mean(least)), given


def _dice(one: Mask, other: Mask) -> float:
    both = np.logical_and(one, other).sum()
    return float(2 * both / (one.sum() + other.sum()))


def _made_up(folder: Path, rows: int, limit: int) -> list[Image]:
    """Women of four views with masses; bytes as a unit would write them."""
    images = []
    columns = round(rows * PhantomOptions.columns / PhantomOptions.rows)
    views = [(side, view) for side in ("L", "R") for view in ("CC", "MLO")]
    for number in range(limit):
        side, view = views[number % 4]
        woman = number // 4 + 1
        options = PhantomOptions(rows=rows, columns=columns, patient=woman, masses=1)
        made = make_phantom(view, side, options)  # type: ignore[arg-type]
        path = folder / f"{woman}_{side}_{view}.dcm"
        write_dicom(made, path, ENCODINGS["linear"])
        images.append(Image(path, str(woman), made.boxes, made.breast))
    return images


def _of_set(source: str, limit: int) -> list[Image]:
    chosen: Sequence[AnnotatedImage] = datasets.masses(datasets.load(source))[:limit]
    return [Image(each.path, each.patient_id or str(each.path), each.boxes) for each in chosen]


if __name__ == "__main__":
    main()
