"""Models: their cards, the ones that are shipped, and running them."""

from __future__ import annotations

from pathlib import Path

from mammoscope.errors import ModelError
from mammoscope.models.card import ModelCard

_BUNDLED = Path(__file__).parent / "bundled"


def bundled_cards() -> tuple[ModelCard, ...]:
    """The cards of all shipped models, by name."""
    return tuple(ModelCard.read(path) for path in sorted(_BUNDLED.glob("*.json")))


def find_card(task: str, path: Path | None = None) -> ModelCard:
    """The card at ``path``, or the shipped one for ``task`` (``"detection"``).

    Raises
    ------
    ModelError
        If there is none, or the one at ``path`` is for another task.
    """
    cards = (ModelCard.read(path),) if path else bundled_cards()
    for card in cards:
        if card.task == task:
            return card
    raise ModelError(f"{path or _BUNDLED}: no model for {task}")


__all__ = ["ModelCard", "bundled_cards", "find_card"]
