"""A card as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from mammoscope.models import ModelCard
from mammoscope.reporting.model_cards import words
from mammoscope.reporting.model_cards.figures import (
    NOT_MEASURED,
    Block,
    figures_of,
    subgroups_of,
)
from mammoscope.reporting.model_cards.reliability import bins_of, reliability_svg

_DATA = (
    ("name", "data"),
    ("images", "images"),
    ("patients", "patients"),
    ("lesions", "lesions"),
    ("malignant", "of them malignant"),
    ("licence", "licence of the data"),
    ("citation", "cite"),
    ("labels", "labels"),
    ("boxes", "boxes"),
    ("start", "began from"),
    ("settings", "settings"),
    ("command", "made by"),
)

_ABOUT = (
    ("summary", "in short"),
    ("of", "of"),
    ("data", "data"),
    ("split", "split"),
    ("chosen_on_it", "chosen on these data"),
    ("interval", "intervals"),
    ("command", "made by"),
)


def markdown(card: ModelCard, level: int = 2, *, pictures: bool = True) -> str:
    """A card in words and tables.

    Parameters
    ----------
    level
        Of the first heading.
    pictures
        Put the calibration plot into the text as SVG; else its bins are a table.

    Examples
    --------
    >>> from mammoscope.models import DetectorCard, find_card
    >>> page = markdown(find_card(DetectorCard))
    >>> "must not be used for" in page and "95 %" in page
    True
    """
    return "\n".join(_lines(card, "#" * level, pictures)).rstrip() + "\n"


def _lines(card: ModelCard, mark: str, pictures: bool) -> Iterator[str]:
    facts = card.facts
    yield f"{mark} {card.name} {card.version}\n"
    yield f"{words.summary(card)}\n"
    size = facts["weights"].get("bytes")
    told = f", {size / 1e6:.1f} MB" if isinstance(size, int) else ""
    yield f"Task: {card.task}. File: `{card.weights}`{told}, sha256 `{card.sha256}`.\n"
    yield f"Run by {words.how(card)}.\n"
    yield f"{mark}# What {card.name} must not be used for\n"
    yield from (f"- {each}" for each in words.not_for(card))
    yield f"\n{mark}# Data and licence of {card.name}\n"
    said = words.training(card)
    yield from _table(("", ""), [(title, _cell(said[key])) for key, title in _DATA if key in said])
    yield f"{mark}# Figures of {card.name}\n"
    blocks = figures_of(facts)
    for part, some in groupby(blocks, lambda block: block.part):
        about = words.about_figures(card, part)
        yield from _table(("", ""), [(t, _cell(about[key])) for key, t in _ABOUT if key in about])
        yield from _blocks(tuple(some))
    if not blocks:
        yield f"{NOT_MEASURED.capitalize()}.\n"
    yield f"{mark}# Subgroups of {card.name}\n"
    groups = subgroups_of(facts)
    if groups:
        part = facts["figures"]["subgroups"]
        yield from (f"{part[key]}\n" for key in ("of", "chosen_on_it") if key in part)
        yield from _blocks(groups)
    else:
        yield f"By density, view and size: {NOT_MEASURED}, or not on the card.\n"
    yield f"{mark}# Calibration of {card.name}\n"
    yield from _calibration(card, pictures)
    yield f"{mark}# Limits of {card.name}\n"
    yield from (f"- {each}" for each in words.limits(card))
    yield ""


def _calibration(card: ModelCard, pictures: bool) -> Iterator[str]:
    found = bins_of(card.facts)
    if not found:
        yield f"Said chances against what came true: {NOT_MEASURED}, or not on the card.\n"
    for of, bins in found.items():
        if pictures:
            yield f"<figure>{reliability_svg(bins, of)}<figcaption>{of}</figcaption></figure>\n"
        else:
            yield f"{of}:\n"
            rows = [(f"{b.p:.3f}", f"{b.share:.3f}", str(b.count)) for b in bins]
            yield from _table(("said chance", "came true", "how many"), rows)


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    """A table for blocks that follow each other, have one heading and the same figures."""
    for (heading, names), some in groupby(blocks, lambda b: (b.heading, tuple(b.figures))):
        several = list(some)
        beside = tuple(dict.fromkeys(name for block in several for name in block.facts))
        title = heading or "whole set"
        rows = [
            (
                block.label,
                *(_cell(block.facts.get(name, "")) for name in beside),
                *(str(block.figures[name]) for name in names),
            )
            for block in several
        ]
        yield from _table((title, *beside, *names), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield "| " + " | ".join(header) + " |"
    yield "|---" * len(header) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
