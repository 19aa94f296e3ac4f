"""The documented example does what the page says, from anybody's folder."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mammoscope.datasets import AnnotatedImage
from mammoscope.models import DetectorCard
from mammoscope.training.config import DEFAULT_CONFIG, DetectorConfig

PAGE = Path(__file__).parents[2] / "docs" / "training.md"


def test_the_documented_example_is_run(
    run_command: Callable[..., Any],
    images: tuple[AnnotatedImage, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (settings,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (command,) = re.findall(r"^mammoscope (train detector .*quick\.toml.*)$", page, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    Path("quick.toml").write_text(settings, encoding="utf-8")
    quick, mass = DetectorConfig.read(Path("quick.toml")), DetectorConfig.read(DEFAULT_CONFIG)
    assert quick.network.family == mass.network.family and quick.augmentation == mass.augmentation
    assert quick.training.epochs < mass.training.epochs
    shutil.copytree(images[0].path.parents[1], "mine")
    done = run_command(*shlex.split(command))
    assert done.exit_code == 0, done.output
    assert re.search(r"epoch 1 of \d, loss [\d.]+, step (\d+) of \1", done.stderr)
    card = DetectorCard.read(Path("runs/quick/detector.json"))
    assert (card.rows, card.columns) == (quick.network.rows, quick.network.columns)
