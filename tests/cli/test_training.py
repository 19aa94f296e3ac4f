"""How a training says how far it is."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

pytest.importorskip("torch", reason="needs the extra [train]")

from mammoscope.cli import training
from mammoscope.training.engine.loop import Step

EPOCHS, OF_EPOCH = 2, 30


def shown(console: Console) -> None:
    with training.steps_on(console) as show:
        for number in range(1, EPOCHS * OF_EPOCH + 1):
            epoch, before = divmod(number - 1, OF_EPOCH)
            show(Step(number, EPOCHS * OF_EPOCH, before + 1, OF_EPOCH, epoch + 1, 1 / number))


def test_a_terminal_sees_bars_of_the_epoch_and_of_all() -> None:
    said = io.StringIO()
    shown(Console(file=said, force_terminal=True, width=100))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.getvalue())
    assert "epoch 2 of 2, loss 0.017" in text and "30/30" in text
    assert "all epochs" in text and "60/60" in text
    assert "step" not in text


def test_elsewhere_there_is_a_line_an_epoch_and_more_where_it_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = io.StringIO()
    shown(Console(file=said, width=100))
    assert said.getvalue().splitlines() == [
        "epoch 1 of 2, loss 0.033, step 30 of 30",
        "epoch 2 of 2, loss 0.017, step 30 of 30",
    ]
    monkeypatch.setattr(training, "_EVERY_S", 0.0)
    shown(Console(file=(slow := io.StringIO()), width=100))
    assert len(slow.getvalue().splitlines()) == EPOCHS * OF_EPOCH
