"""What many images cost: images a second by workers, the driver's memory and time, a simulation.

    python benchmarks/scale.py workers --workers 1,2 --images 24
    python benchmarks/scale.py results --results 1000,10000,100000
    python benchmarks/scale.py simulate --seconds 1.5 --workers 16,256,1000

``workers`` looks at synthetic mammograms with the shipped models, in processes. ``results`` goes
through a whole run whose results are one real one, again and again under other names, so that what
is measured is the driver. ``simulate`` is no measurement: images arrive at workers from one list,
with service times spread as given, workers that fail, and a store that answers late.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mammoscope.files import write_json
from mammoscope.phantom import PhantomOptions, make_phantom
from mammoscope.phantom.dicom import write_dicom
from mammoscope.phantom.encoding import ENCODINGS
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.reading import FoundImages, find_images
from mammoscope.reporting import encode_pictures
from mammoscope.reporting.pictures.pack import pack
from mammoscope.results import ImageLine, image_result_json
from mammoscope.runs import Going, make_outputs, run_detection
from mammoscope.runs.engines import Done, Item, Job, LocalProcesses
from mammoscope.runs.outputs import MOST_PICTURES, PICTURES
from mammoscope.study import image_malignancy
from mammoscope.types import ImageResult


def phantom(path: Path, seed: int, side: str = "L", view: str = "CC") -> None:
    """A synthetic mammogram of 1500 x 1200 pixels."""
    options = PhantomOptions(rows=1500, columns=1200, seed=seed, masses=1)
    write_dicom(make_phantom(view, side, options), path, ENCODINGS["linear"])


def by_workers(workers: Sequence[int], images: int, folder: Path) -> None:
    """Images a second, models loaded and all."""
    for number in range(images):
        (folder / f"p{number // 4:03d}").mkdir(exist_ok=True)
        phantom(folder / f"p{number // 4:03d}" / f"{number}.dcm", number)
    found = find_images([folder])
    print("| workers | images a second | seconds for all |\n|---|---|---|")
    for count in workers:
        with tempfile.TemporaryDirectory() as out:
            start = time.perf_counter()
            going = Going(engine=LocalProcesses(count))
            run_detection(Pipeline(), found, Path(out), outputs=make_outputs(["json"]), going=going)
            seconds = time.perf_counter() - start
        print(f"| {count} | {images / seconds:.2f} | {seconds:.0f} |", flush=True)


class Reused:
    """An engine that writes one result under all names; four images are a study."""

    def __init__(self, result: ImageResult, out: Path, pack: bytes) -> None:
        self.result, self.out, self.pack = result, out, pack

    def run(self, job: Job, units: Sequence[Sequence[Item]]) -> Iterator[Done]:
        """As an engine does."""
        if self.pack:
            (self.out / PICTURES).mkdir()
        for item in (item for unit in units for item in unit):
            whose = f"P{item.place // 4:07d}", f"S{item.place // 4:07d}"
            source = replace(self.result.source, path=item.told)
            found = replace(
                self.result, name=item.name, source=source, patient_id=whose[0], study_id=whose[1]
            )
            write_json(self.out / f"{item.name}.json", image_result_json(found))
            if self.pack:
                (self.out / PICTURES / item.name).write_bytes(self.pack)
            line = ImageLine.of(found, image_malignancy(found))
            yield Done(item.place, line=line, patient_id=whose[0], study_id=whose[1])


def of_driver(count: int, folder: Path) -> None:
    """One run of so many results in this process; prints a line of the table."""
    phantom(folder / "one.dcm", 1)
    pipeline = Pipeline(PipelineOptions(paths="whole"))
    mammogram, result = pipeline(folder / "one.dcm")
    # As workers do where there are not very many.
    pictures = pack(encode_pictures(mammogram, result)) if count <= MOST_PICTURES else b""
    (folder / "in").mkdir()
    paths = [folder / "in" / f"i{n:07d}.dcm" for n in range(count)]
    for path in paths:
        path.symlink_to(folder / "one.dcm")
    found, out = FoundImages(tuple(paths), (), root=folder / "in"), folder / "out"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    engine = Reused(result, out, pictures)
    outputs = make_outputs(["json", "table", "report"], report_studies=20)
    run = run_detection(pipeline, found, out, outputs=outputs, going=Going(engine=engine))
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(run.results) == count
    size = (out / "run.json").stat().st_size / 1e6
    print(f"| {count} | {peak / 1024:.0f} | {before / 1024:.0f} | {seconds:.0f} | {size:.1f} |")


def simulated(images: int, workers: int, seconds: float, seed: int) -> tuple[float, float]:
    """Hours until the last image of a run is done, and core hours that were paid for.

    Service times are log-normal about ``seconds`` (sigma 0.35); one image in 200 takes ten times as
    long, one worker in 5000 images dies and its image is done again; each image waits 0.15 s for
    the store (one read, one write), and every worker 20 s for its machine and 3 s for its models.
    """
    rng = random.Random(seed)
    free = [23.0 + rng.expovariate(1 / 5) for _ in range(workers)]
    heapq.heapify(free)
    left, last = images, 0.0
    while left:
        at = heapq.heappop(free)
        # Up to four images are handed out together.
        for _ in range(min(4, left)):
            took = seconds * rng.lognormvariate(0, 0.35) * (10 if rng.random() < 0.005 else 1)
            at += took + rng.expovariate(1 / 0.15)
            if rng.random() < 1 / 5000:
                at += 3 + took
            left -= 1
        last = max(last, at)
        heapq.heappush(free, at)
    return last / 3600, workers * last / 3600


def simulate(workers: Sequence[int], seconds: float, images: int, driver_s: float) -> None:
    """Until when a run is linear; ``driver_s`` is what the driver does an image, alone."""
    print(
        "| workers | hours | core hours | of linear | driver alone, hours |\n|---|---|---|---|---|"
    )
    ideal = images * (seconds * (1 + 0.005 * 9) * 1.063 + 0.15) / 3600
    for count in workers:
        hours, paid = simulated(images, count, seconds, seed=1)
        alone = images * driver_s / 3600
        share = ideal / count / (hours + alone)
        print(f"| {count} | {hours + alone:.2f} | {paid:.0f} | {share:.0%} | {alone:.2f} |")


def whole_numbers(text: str) -> list[int]:
    """Of a list with commas."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["workers", "results", "one", "simulate"])
    parser.add_argument("--workers", type=whole_numbers, default=[1, 2])
    parser.add_argument("--results", type=whole_numbers, default=[1000, 10_000, 100_000])
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=1.5, help="Of an image, as measured.")
    parser.add_argument("--driver", type=float, default=0.002, help="Seconds an image, likewise.")
    given = parser.parse_args()
    if given.what != "one":
        print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        if given.what == "workers":
            by_workers(given.workers, given.images, Path(folder))
        elif given.what == "one":
            of_driver(given.results[0], Path(folder))
        elif given.what == "simulate":
            simulate(given.workers, given.seconds, 1_000_000, given.driver)
        else:
            print(
                "| results | peak MB | MB before | processor seconds | run.json MB |\n"
                "|---|---|---|---|---|"
            )
            for count in given.results:
                words = [sys.executable, __file__, "one", "--results", json.dumps(count)]
                subprocess.run(words, check=True)


if __name__ == "__main__":
    main()
