"""The figures of a card, whatever its task: every value with an interval, and what it is of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

NOT_MEASURED = "not measured"

_NAMES = {
    "ap": "AP",
    "auc": "AUC",
    "auc_of": "AUC,",
    "brier": "Brier score",
    "f1": "F1",
    "sensitivity_at_fppi": "sensitivity at FPPI",
}
"""What keys of a card are called in words; of others the underscores go."""

_LABELS = ("hit", "set", "source", "value", "name")
"""Keys that name an item of a list, the first that is there."""

_APART = ("subgroups", "reliability")


@dataclass(frozen=True)
class Known:
    """A figure of a card, and the ends of its interval where the card has them."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.3g} (interval not on the card)"
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


@dataclass(frozen=True)
class Block:
    """Figures that are of one thing, such as one path and one hit rule.

    Parameters
    ----------
    heading
        What several blocks have in common, such as ``"by path"``.
    label
        What this one is of, such as ``"both, iou:0.5"``.
    figures
        By name, in the card's order.
    facts
        Counts and words that stand beside them, by name.
    part
        Key of the part of the card that they stand in, such as ``"figures"`` or ``"normals"``.
    """

    heading: str
    label: str
    figures: Mapping[str, Known] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    part: str = "figures"


def figures_of(facts: Mapping[str, Any]) -> tuple[Block, ...]:
    """All figures of a card but those of its subgroups, in the card's order.

    A figure is an object with ``value`` and, perhaps, ``low`` and ``high``, wherever it stands.

    Examples
    --------
    >>> auc = {"value": 0.8, "low": 0.7, "high": 0.9}
    >>> (block,) = figures_of({"figures": {"by_boxes": {"annotated": {"auc": auc}}}})
    >>> block.heading, block.label, str(block.figures["AUC"])
    ('by boxes', 'annotated', '0.8 (0.7 to 0.9)')
    """
    blocks: list[Block] = []
    for name, part in facts.items():
        if isinstance(part, Mapping) and name not in _APART:
            heading = () if name == "figures" else (name,)
            blocks += (replace(block, part=name) for block in _blocks(part, heading, ()))
    return tuple(blocks)


def subgroups_of(facts: Mapping[str, Any]) -> tuple[Block, ...]:
    """The figures of a card's subgroups: ``figures.subgroups.by``, a column and its groups each."""
    part = facts.get("figures", {})
    said = part.get("subgroups", {}) if isinstance(part, Mapping) else {}
    found = []
    for column in said.get("by", ()):
        for group in column["groups"]:
            figures, words = _split(group, ("value",))
            found.append(Block(str(column["column"]), str(group["value"]), figures, words))
    return tuple(found)


def _blocks(part: Any, heading: tuple[str, ...], label: tuple[str, ...]) -> Iterator[Block]:
    """The blocks below a part of the card, outermost first."""
    if isinstance(part, Mapping):
        if any(_is_figure(value) for value in part.values()):
            figures, words = _split(part, ())
            yield Block(", ".join(_words(h) for h in heading), ", ".join(label), figures, words)
            return
        for key, value in part.items():
            if key in _APART:
                continue
            if key.startswith("by_"):
                yield from _blocks(value, (*heading, key), label)
            elif isinstance(value, Mapping | list):
                yield from _blocks(value, heading, (*label, _words(key)))
    elif isinstance(part, list):
        for item in part:
            if isinstance(item, Mapping):
                name = next((str(item[key]) for key in _LABELS if key in item), "")
                yield from _blocks(item, heading, (*label, name) if name else label)


def _split(
    part: Mapping[str, Any], leave: Iterable[str]
) -> tuple[dict[str, Known], dict[str, str]]:
    """The figures of a part, those of parts within it too, and what else it says in short."""
    figures: dict[str, Known] = {}
    words: dict[str, str] = {}
    for key, value in part.items():
        if key in leave or key in _LABELS:
            continue
        if _is_figure(value):
            figures[_words(key)] = _known(value)
        elif isinstance(value, Mapping):
            inner, _ = _split(value, ())
            figures |= {f"{_words(key)} {name}": known for name, known in inner.items()}
        elif isinstance(value, str | int | float):
            words[_words(key)] = str(value)
    return figures, words


def _is_figure(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("value"), int | float)


def _known(value: Mapping[str, Any]) -> Known:
    return Known(value["value"], value.get("low"), value.get("high"))


def _words(key: str) -> str:
    text = _NAMES.get(key, key.replace("_", " "))
    return f"AUC {text[4:]}" if text.startswith("auc ") else text
