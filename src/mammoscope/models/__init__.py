"""Models: their cards, the ones that are shipped, and running them."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from mammoscope.errors import ModelError
from mammoscope.models.card import ModelCard, read_facts
from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.models.density_card import DensityCard
from mammoscope.models.detector_card import DetectorCard
from mammoscope.models.histopathology_card import HistopathologyCard
from mammoscope.models.second_look_card import SecondLookCard

_BUNDLED = Path(__file__).parent / "bundled"

_KINDS: dict[str, type[ModelCard]] = {
    kind.task: kind
    for kind in (DetectorCard, SecondLookCard, ClassifierCard, DensityCard, HistopathologyCard)
}

Card = TypeVar("Card", bound=ModelCard)


def read_card(path: Path) -> ModelCard:
    """The card at ``path``, of the kind that its task asks for.

    Raises
    ------
    ModelError
        If it cannot be read, or no such task is known.
    """
    task = read_facts(path)["task"]
    if task not in _KINDS:
        raise ModelError(f"{path}: a model for {task!r}, which is not known")
    return _KINDS[task].read(path)


def bundled_cards() -> tuple[ModelCard, ...]:
    """The cards of all shipped models, by name."""
    return tuple(read_card(path) for path in sorted(_BUNDLED.glob("*.json")))


def shipped_card(kind: type[Card]) -> Card | None:
    """The shipped card of ``kind``, such as :class:`DetectorCard`; None where none is shipped."""
    return next((card for card in bundled_cards() if isinstance(card, kind)), None)


def find_card(kind: type[Card], path: Path | None = None) -> Card:
    """The card at ``path``, or the shipped one of ``kind``, such as :class:`DetectorCard`.

    Raises
    ------
    ModelError
        If there is none, or the one at ``path`` is for another task.
    """
    if path is not None:
        return kind.read(path)
    card = shipped_card(kind)
    if card is None:
        raise ModelError(f"{_BUNDLED}: no model for {kind.task}")
    return card


__all__ = [
    "ClassifierCard",
    "DensityCard",
    "DetectorCard",
    "HistopathologyCard",
    "ModelCard",
    "SecondLookCard",
    "bundled_cards",
    "find_card",
    "read_card",
    "shipped_card",
]
