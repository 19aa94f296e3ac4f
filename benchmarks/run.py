"""Speed and memory of reading, preprocessing and detection, beside two floors.

One command, from the project's folder::

    python benchmarks/run.py

Every case runs in a process of its own, one after another. This process stays small, as a child's
memory may be counted from its parent's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from images import COLUMNS, ROWS, SYNTAXES, path_of
from rich.console import Console
from summary import Results, aims, table

_HERE = Path(__file__).parent


def main() -> None:
    """Make the images, measure them, print the table."""
    options = _arguments()
    console = Console()
    with tempfile.TemporaryDirectory() as temporary, console.status("") as status:
        folder = options.images or Path(temporary)
        files = {name: path_of(folder, name, options.rows) for name in SYNTAXES}
        if not all(file.exists() for file in files.values()):
            status.update("making the images")
            folder.mkdir(parents=True, exist_ok=True)
            _script("images.py", str(folder), str(options.rows))
        facts = _measure("facts")
        results: Results = {}
        for name, file in files.items():
            results[name] = {}
            for case in ("decode", "pass", "phases"):
                status.update(f"measuring {name}: {case}")
                card = [str(options.card)] if options.card and case == "phases" else []
                what = [case, str(file), str(options.repeats), *card]
                results[name][case] = _measure(*what)
    _show(console, facts, results)
    if options.json:
        whole = {"rows": options.rows, "facts": facts, "results": results}
        options.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=7, help="timed runs of each case (7)")
    parser.add_argument(
        "--rows", type=int, default=ROWS, help=f"height of the image; {ROWS} goes with {COLUMNS}"
    )
    parser.add_argument(
        "--card", type=Path, help="card of the detector; the shipped one if not given"
    )
    parser.add_argument(
        "--images", type=Path, help="folder to keep the images in, or with those of an earlier run"
    )
    parser.add_argument("--json", type=Path, help="file for every single figure")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error("--repeats must be 1 or more")
    return options


def _measure(*arguments: str) -> dict[str, Any]:
    found = json.loads(_script("measure.py", *arguments))
    assert isinstance(found, dict)
    return found


def _script(name: str, *arguments: str) -> str:
    command = [sys.executable, str(_HERE / name), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _show(console: Console, facts: dict[str, Any], results: Results) -> None:
    libraries = ", ".join(f"{name} {number}" for name, number in facts["libraries"].items())
    console.print(
        f"{facts['system']}, {facts['cpus']} CPUs, load {facts['load']} before; Python "
        f"{facts['python']}; {libraries}; threads: OpenCV {facts['cv2_threads']}, "
        f"ONNX Runtime {facts['onnxruntime_threads']}, the others 1",
        highlight=False,
    )
    console.print(table(results))
    for line in aims(results):
        console.print(line, highlight=False)
    if all("detect" not in cases["phases"]["steps"] for cases in results.values()):
        console.print("No model is shipped and no --card was given: detection was not measured.")


if __name__ == "__main__":
    main()
