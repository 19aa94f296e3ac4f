"""Both paths on one 4096 x 3328 mammogram, beside two rivals on the same cores in the same run.

    python benchmarks/two_paths.py [--repeats 3] [--json figures.json]

Rivals: torchvision's RetinaNet-ResNet50-FPN with the image's short side at 1750 pixels, as the
nearest open system runs it, and the same two paths through the same network in plain torch. The
weights of the rivals are random: they take as long as trained ones. Each is timed from the
preprocessed breast (the RetinaNet from the whole image, as it has no preprocessing) to boxes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from images import ROWS, make_images, path_of
from torchvision.models.detection import retinanet_resnet50_fpn

from mammoscope.detection import OnnxDetector
from mammoscope.detection.prepare import fit, magnify
from mammoscope.detection.tiling import tiles
from mammoscope.models import DetectorCard, find_card
from mammoscope.preprocessing import preprocess
from mammoscope.reading import read
from mammoscope.training.config import DEFAULT_CONFIG, DetectorConfig
from mammoscope.training.detectors.families import build
from mammoscope.types import Mammogram

SHORT_SIDE, LONG_SIDE = 1750, 2200


def ours(breast: Mammogram, cores: int, paths: str) -> Callable[[], object]:
    """A way of looking, as ``mammoscope detect`` runs it on one image."""
    detector = OnnxDetector(find_card(DetectorCard), paths, threads=cores)
    return lambda: detector.find(breast)


def plain_torch(breast: Mammogram) -> Callable[[], object]:
    """The pictures of both paths one after another through the network in torch."""
    config = DetectorConfig.read(DEFAULT_CONFIG).network
    network = build(config).eval().to(memory_format=torch.channels_last)
    size, crops = (config.rows, config.columns), find_card(DetectorCard).crops
    assert crops is not None

    @torch.inference_mode()
    def run() -> None:
        magnified = magnify(breast, *size, crops)
        for picture in [fit(breast, *size), *tiles(magnified, *size, crops.overlap)]:
            batch = torch.from_numpy(np.ascontiguousarray(picture.pixels))[None, None]
            network(batch.to(memory_format=torch.channels_last))

    return run


def retinanet(image: Mammogram) -> Callable[[], object]:
    """The nearest rival's detector on the whole image."""
    network = retinanet_resnet50_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=3,
        min_size=SHORT_SIDE,
        max_size=LONG_SIDE,
    ).eval()
    picture = torch.from_numpy(np.ascontiguousarray(image.pixels)).expand(3, -1, -1)

    @torch.inference_mode()
    def run() -> None:
        network([picture])

    return run


def seconds(run: Callable[[], object], repeats: int) -> list[float]:
    """Wall time of each run after one to warm up."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    """Print a table, every row with its ratio to both paths."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = cores or 1
    torch.set_num_threads(cores)
    with tempfile.TemporaryDirectory() as folder:
        make_images(Path(folder), ROWS)
        image = read(path_of(Path(folder), "native", ROWS))
    breast = preprocess(image).mammogram
    cases = {
        "both paths": ours(breast, cores, "both"),
        "whole": ours(breast, cores, "whole"),
        "crops": ours(breast, cores, "crops"),
        "both paths, plain torch": plain_torch(breast),
        "RetinaNet-ResNet50-FPN, torch": retinanet(image),
    }
    found: dict[str, Any] = {name: seconds(run, options.repeats) for name, run in cases.items()}
    least = min(found["both paths"])
    print(f"{cores} cores, torch {torch.__version__}, {options.repeats} repeats; least time")
    for name, times in found.items():
        print(f"{name:32} {1000 * min(times):8.0f} ms   {min(times) / least:6.2f} x both paths")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
