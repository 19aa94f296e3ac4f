"""What each phase of the pipeline costs on images, as a ratio to detection in the same run.

    python benchmarks/phases.py FILE_OR_FOLDER... [--repeats 3]

Each image is looked at once to warm up, then as often as --repeats says; of each phase the least
seconds count, summed over the images. Classification is of the findings shown and of the best
three, with their explanations.
"""

from __future__ import annotations

import argparse

from mammoscope.pipeline import Pipeline
from mammoscope.reading.files import find_images


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="+")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    pipeline = Pipeline()
    paths = find_images(options.images).paths
    least: dict[str, float] = {}
    findings = 0
    for path in paths:
        runs = [pipeline(path)[1] for _ in range(options.repeats + 1)][1:]
        findings += len(runs[0].shown)
        for phase in runs[0].timings_s:
            seconds = min(run.timings_s[phase] for run in runs)
            least[phase] = least.get(phase, 0.0) + seconds
    print(f"{len(paths)} images, {findings} findings shown, least of {options.repeats} runs each")
    print("| phase | seconds an image | of detection |")
    print("|---|---|---|")
    for phase, seconds in least.items():
        print(f"| {phase} | {seconds / len(paths):.3f} | {seconds / least['detect']:.2f} |")


if __name__ == "__main__":
    main()
