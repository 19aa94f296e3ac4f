"""What is no file, given to each command that takes a path: an error that names it, and no wait."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mammoscope.phantom import WrittenStudies

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
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """What is no file, by kind; each would be an image by its name."""
    folder = tmp_path_factory.mktemp("odd")
    found = {kind: folder / f"{kind}.dcm" for kind in ("fifo", "endless", "circle", "socket")}
    os.mkfifo(found["fifo"])
    found["endless"].symlink_to("/dev/zero")
    found["circle"].symlink_to(found["circle"].name)
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        place = Path.cwd()
        os.chdir(folder)  # The name of a socket is short.
        listener.bind(found["socket"].name)
        os.chdir(place)
        yield found


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
    study: WrittenStudies,
    tmp_path: Path,
    command: str,
) -> None:
    table = tmp_path / "table.csv"
    rows = "".join(f"{path.name},1,1,9,9,0.5\n" for path in odd.values())
    table.write_text(f"image,x0,y0,x1,y1,score\n{rows}")
    for kind, path in odd.items():
        words = {"ODD": path, "OUT": tmp_path / "out", "TABLE": table, "IMAGE": study.images[0]}
        line = COMMANDS[command]
        for word, value in words.items():
            line = line.replace(word, str(value))
        result = run_command(*line.split())
        told = (kind, result.exit_code, result.output, result.exception)
        if "needs an optional part" in result.output:
            pytest.skip("needs the extra [train]")
        assert result.exit_code in (1, 2), told
        assert isinstance(result.exception, SystemExit), told
        assert "report" not in result.stderr.casefold() or "please" not in result.stderr, told
        # A long path is broken where the frame about an error ends.
        assert path.name in re.sub(r"[\s│]+", "", result.output + result.stderr), told
