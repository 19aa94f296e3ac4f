"""What is said of models of a task, where a card does not say it itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mammoscope.models import ModelCard

NOT_KNOWN = "not known"

_ALWAYS = (
    "Decisions about patients: it is for research and is no medical device.",
    "Reading alone, or ruling out disease.",
)

_OF_TASK = {
    "detection": (
        "Findings other than masses: calcifications, distortions, asymmetries are not looked for.",
    ),
    "second look": ("Regions that no detector found, or a word on what a finding is.",),
    "classification": (
        "Regions that are no masses: what it says of a false mark means nothing.",
        "A chance of cancer for a woman: it is of one marked region, among regions as in training.",
    ),
    "density": ("A risk of cancer, or telling a woman how dense her breasts are.",),
    "histopathology": ("Whole slides, other stains, other magnifications, frozen sections.",),
}

_USE = {
    "detection": "Marks places on a mammogram that may be masses, beside a person who reads.",
    "second look": "Looks again at marked places, and names those that only look like a mass.",
    "classification": "Says how likely a marked mass is malignant, beside a person who reads.",
    "density": "Says which category of density a breast has, beside a person who reads.",
    "histopathology": "Says how likely a field of tissue is malignant, for comparing methods.",
}

_RUN = {
    "detection": "`mammoscope detect STUDY --out RESULTS`",
    "second look": "`mammoscope detect STUDY --out RESULTS`",
    "classification": "`mammoscope detect STUDY --out RESULTS`, or `mammoscope classify`",
    "histopathology": "`mammoscope histopathology predict`",
}


def not_for(card: ModelCard) -> tuple[str, ...]:
    """What a model must not be used for: as its card says, else as all of its task."""
    said = card.facts.get("not_for")
    return (*_ALWAYS, *(said if said is not None else _OF_TASK.get(card.task, ())))


def use(card: ModelCard) -> str:
    """What it is meant for, in a sentence."""
    return str(card.facts.get("use", _USE.get(card.task, summary(card))))


def how(card: ModelCard) -> str:
    """The command that runs it."""
    return str(card.facts.get("run_by", _RUN.get(card.task, "see `mammoscope --help`")))


def summary(card: ModelCard) -> str:
    """The card's own summary."""
    return str(card.facts.get("summary", NOT_KNOWN))


def training(card: ModelCard) -> Mapping[str, Any]:
    """What it learnt from; empty where the card says nothing."""
    said = card.facts.get("training_data", {})
    return said if isinstance(said, Mapping) else {}


def about_figures(card: ModelCard, part: str = "figures") -> Mapping[str, str]:
    """What the figures of a part are of, in words, by key: data, split, interval, command."""
    said = card.facts.get(part, {})
    if not isinstance(said, Mapping):
        return {}
    return {key: value for key, value in said.items() if isinstance(value, str)}


def limits(card: ModelCard) -> tuple[str, ...]:
    """What the card says of its limits."""
    return tuple(str(each) for each in card.facts.get("limits", ()))
