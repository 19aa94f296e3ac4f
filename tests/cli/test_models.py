"""``mammoscope models``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mammoscope.models.detector_card import DetectorCard

Run = Callable[..., Any]


def test_list_names_every_shipped_model(run_command: Run, card_path: Path) -> None:
    card = DetectorCard.read(card_path)
    done = run_command("models", "list")
    assert done.exit_code == 0, done.output
    for words in (f"{card.name} {card.version}", card.task, card.sha256[:12]):
        assert words in done.stdout
    assert "not a medical device" in done.stdout


def test_verify_holds_weights_against_their_card(
    run_command: Run, card_path: Path, tmp_path: Path
) -> None:
    card = DetectorCard.read(card_path)
    assert run_command("models", "verify").exit_code == 0
    shutil.copy(card_path, tmp_path / "card.json")
    weights = tmp_path / card.weights
    weights.write_bytes(card.load_weights())
    done = run_command("models", "verify", tmp_path / "card.json")
    assert done.exit_code == 0 and card.sha256 in done.stdout
    weights.write_bytes(card.load_weights()[:-1])
    done = run_command("models", "verify", tmp_path / "card.json")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {weights}: ") and "changed or cut off" in line


def test_verify_of_no_card_at_all(run_command: Run, tmp_path: Path) -> None:
    done = run_command("models", "verify", tmp_path / "none.json")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {tmp_path / 'none.json'}: ")


def test_card_tells_a_shipped_model_in_each_form(
    run_command: Run, card_path: Path, tmp_path: Path
) -> None:
    name = DetectorCard.read(card_path).name
    starts = {"markdown": f"## {name}", "huggingface": "---\n", "chai": "<?xml"}
    for form, start in starts.items():
        done = run_command("models", "card", name, "--form", form)
        assert done.exit_code == 0 and done.stdout.startswith(start)
        out = tmp_path / form
        assert run_command("models", "card", card_path, "--form", form, "--out", out).exit_code == 0
        assert out.read_text(encoding="utf-8") == done.stdout


def test_card_of_nothing_names_what_there_is(run_command: Run, card_path: Path) -> None:
    done = run_command("models", "card", "nothing")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "nothing" in line and DetectorCard.read(card_path).name in line
