"""What is no file, given to each command that takes a path: an error that names it, and no wait."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer.main

from mammoscope.cli import app
from mammoscope.phantom import WrittenStudies
from mammoscope.pipeline import Pipeline
from mammoscope.reader_studies.design import design, write_design
from mammoscope.reading import find_images
from mammoscope.runs import make_outputs, run_detection

Run = Callable[..., Any]

LONGEST_S = 120
"""Longer than a busy machine takes: whoever waits for a FIFO waits for ever."""

COMMANDS = {
    "detect": "detect ODD --out OUT",
    "detect --metadata": "detect IMAGE --out OUT --metadata ODD",
    "detect --model": "detect IMAGE --out OUT --model ODD",
    "detect --classifier": "detect IMAGE --out OUT --classifier ODD",
    "detect --out": "detect IMAGE --out ODD",
    "preprocess": "preprocess ODD --out OUT",
    "preprocess --truth": "preprocess IMAGE --out OUT --truth ODD",
    "inspect": "inspect ODD",
    "validate": "validate ODD",
    "classify": "classify ODD --boxes TABLE --out OUT.csv",
    "classify --model": "classify IMAGE --boxes TABLE --out OUT.csv --model ODD",
    "classify --boxes": "classify IMAGE --boxes ODD --out OUT.csv",
    "evaluate": "evaluate ODD TABLE",
    "evaluate, truth": "evaluate TABLE ODD",
    "evaluate, a set as truth": "evaluate TABLE coco:ODD",
    "merge": "merge ODD",
    "datasets check": "datasets check own:ODD",
    "datasets check, pictures": "datasets check yolo:ODD",
    "datasets export": "datasets export coco:ODD --out OUT.csv",
    "models verify": "models verify ODD",
    "models card": "models card ODD",
    "view": "view ODD --out OUT --export truth --to OUT",
    "study design": "study design --readers 2 --cases ODD --out OUT.csv",
    "study serve": "study serve ODD IMAGE --out OUT --export reads",
    "study analyse": "study analyse ODD",
    "radar reconstruct": "radar reconstruct ODD",
    "radar evaluate": "radar evaluate ODD",
    "thermography measure": "thermography measure ODD --scale 20 40",
    "thermography compare": "thermography compare ODD --out OUT",
    "histopathology predict": "histopathology predict ODD --out OUT.csv",
    "histopathology predict --model": "histopathology predict IMAGE --out OUT.csv --model ODD",
    "node --spool": "node --spool ODD --send-to PACS@127.0.0.1:1",
    "node, TLS": "node --spool OUT --send-to A@[::1]:1 --tls-cert ODD --tls-key ODD --tls-ca ODD",
    "phantom": "phantom --out ODD",
    "detect --second-look": "detect IMAGE --out OUT --second-look ODD",
    "validate --metadata": "validate FOLDER --metadata ODD",
    "preprocess --metadata": "preprocess IMAGE --out OUT --metadata ODD",
    "view --reviews": "view RESULTS --reviews ODD --export audit --to OUT",
    "view --ohif": "view RESULTS --ohif ODD --no-browser",
    "study serve --truth": "study serve PLAN RESULTS --truth ODD",
    "study serve, TLS": "study serve PLAN RESULTS --certificate ODD --key ODD",
    "study analyse --marks": "study analyse READS --marks ODD",
    "train detector, data": "train detector --data truth:ODD --out OUT",
    "train detector --out": "train detector --data truth:TRUTH --out ODD",
    "train detector --config": "train detector --data truth:TRUTH --out OUT --config ODD",
    "train detector --weights": "train detector --data truth:TRUTH --out OUT --weights ODD",
    "train detector --start": "train detector --data truth:TRUTH --out OUT --start ODD",
    "train classifier --method": "train classifier --data truth:TRUTH --out OUT --method ODD",
    "train classifier --detected": "train classifier --data truth:TRUTH --out OUT --detected ODD",
    "train density --config": "train density --data truth:TRUTH --out OUT --config ODD",
    "train second-look --marks": "train second-look --data truth:TRUTH --out OUT --marks ODD",
    "train export": "train export ODD --facts FACTS --out OUT.onnx",
    "train export --facts": "train export OUT --facts ODD --out OUT.onnx",
    "histopathology benchmark": "histopathology benchmark --data ODD --out OUT",
    "histopathology benchmark --patients": "histopathology benchmark --data FIELDS"
    " --malignant bad --out OUT --patients ODD",
    "histopathology benchmark --official": "histopathology benchmark --data FIELDS"
    " --malignant bad --out OUT --official ODD",
    "histopathology benchmark --config": "histopathology benchmark --data FIELDS"
    " --out OUT --config ODD",
    "histopathology benchmark --weights": "histopathology benchmark --data FIELDS"
    " --out OUT --weights mobilenetv2_100=ODD",
    "histopathology train": "histopathology train --benchmark ODD --out OUT",
    "histopathology train --facts": "histopathology train --benchmark BENCHMARK"
    " --facts ODD --out OUT",
    "thermography compare --weights": "thermography compare PAIRS --out OUT --weights ODD",
    "thermography compare --config": "thermography compare PAIRS --out OUT --config ODD",
}

FACTS = ("name", "version", "training_data", "figures", "limits", "threshold")

FOLDERS = {
    *("detect --out", "node --spool", "phantom", "train detector --out"),
    "histopathology benchmark --official",
}
"""An empty folder is what they want."""

NOT_READ = {"--out", "--to", "--heat", "--plot", "--plot-roc", "--plot-reliability", "--images"}
"""Options that name what is written, or a folder in which images are looked for."""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """What is no file, by kind; each would be an image by its name."""
    folder = tmp_path_factory.mktemp("odd")
    found = {kind: folder / f"{kind}.dcm" for kind in ("fifo", "endless", "circle", "socket")}
    os.mkfifo(found["fifo"])
    found["endless"].symlink_to("/dev/zero")
    found["circle"].symlink_to(found["circle"].name)
    found["folder"] = folder / "folder.dcm"
    found["folder"].mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        place = Path.cwd()
        os.chdir(folder)  # The name of a socket is short.
        listener.bind(found["socket"].name)
        os.chdir(place)
        yield found


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory, study: WrittenStudies) -> dict[str, Path]:
    """What else commands are given, by the word that stands for it."""
    folder = tmp_path_factory.mktemp("words")

    def written(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    first, results = study.images[0], folder / "results"
    run_detection(Pipeline(), find_images([first]), results, outputs=make_outputs(["json"]))
    for name in ("good", "bad"):
        (folder / "fields" / name).mkdir(parents=True)
        for number in range(5):
            (folder / "fields" / name / f"{name}{number}.png").symlink_to(first)
    rows = "".join(f"{path},{i},90,90,150,150\n" for i, path in enumerate(study.images))
    write_design(folder / "plan.csv", design(["a"], {first.stem: ""}, ["blinded"]))
    return {
        "BENCHMARK": written("benchmark/setup.json", '{"data": "nowhere"}').parent,
        "FACTS": written("facts.json", json.dumps(dict.fromkeys(FACTS, "a"))),
        "FIELDS": folder / "fields",
        "FOLDER": first.parent,
        "IMAGE": first,
        "PAIRS": written("pairs/pairs.csv", "left,right,patient_id,label\n").parent,
        "PLAN": folder / "plan.csv",
        "READS": written(
            "reads.csv",
            "reader,mode,case,truth,rating,lesions\n"
            + "".join(f"a,{mode},{n},{n % 2},0.5,{n % 2}\n" for mode in "bc" for n in range(4)),
        ),
        "RESULTS": results,
        "TRUTH": written("truth.csv", f"image,patient_id,x0,y0,x1,y1\n{rows}"),
    }


def _word(known: dict[str, Path], found: re.Match[str]) -> str:
    return str(known[found[0]])


def options() -> Iterator[tuple[str, str, str]]:
    """Command, name and help of each option that names a file."""

    def below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
        for name, inner in getattr(command, "commands", {}).items():
            yield from below(inner, (*words, name))
        for option in getattr(command, "params", ()):
            kind = str(getattr(option, "type_descriptor", ""))
            cards = "Card (JSON)" in (option.help or "")
            if option.opts[-1].startswith("--") and ("pathlib.Path" in kind or cards):
                yield " ".join(words), option.opts[-1], option.help

    return below(typer.main.get_command(app), ())


def test_every_option_that_names_a_file_is_tried() -> None:
    known = {
        (name, told)
        for words, name, told in options()
        for line in COMMANDS.values()
        if line.startswith(f"{words} ") and re.search(rf"{name} (\w+=)?ODD", line)
    }
    # What several commands share is read by one piece of code.
    lacking = {(words, name) for words, name, told in options() if (name, told) not in known}
    assert {(words, name) for words, name in lacking if name not in NOT_READ} == set()


@pytest.fixture
def no_wait() -> Iterator[None]:
    def waited(*_: object) -> None:
        raise AssertionError("the command waits")

    before = signal.signal(signal.SIGALRM, waited)
    signal.alarm(LONGEST_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("no_wait")
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_file_is_an_error_and_no_wait(
    run_command: Run,
    odd: dict[str, Path],
    words: dict[str, Path],
    tmp_path: Path,
    command: str,
) -> None:
    table = tmp_path / "table.csv"
    rows = "".join(f"{path.name},1,1,9,9,0.5\n" for path in odd.values())
    table.write_text(f"image,x0,y0,x1,y1,score\n{rows}")
    for kind, path in odd.items():
        if kind == "folder" and command in FOLDERS:
            continue
        known = words | {"ODD": path, "OUT": tmp_path / "out", "TABLE": table}
        line = re.sub("|".join(known), partial(_word, known), COMMANDS[command])
        result = run_command(*line.split())
        told = (kind, result.exit_code, result.output, result.exception)
        if "needs an optional part" in result.output:
            pytest.skip("needs the extra [train]")
        assert result.exit_code in (1, 2), told
        assert isinstance(result.exception, SystemExit), told
        assert "report" not in result.stderr.casefold() or "please" not in result.stderr, told
        # A long path is broken where the frame about an error ends.
        assert path.name in re.sub(r"[\s│]+", "", result.output + result.stderr), told
