"""The site's page of published figures beside ours: each with its protocol, ours from the cards.

A published figure is as its paper's abstract gives it. Rows of one protocol stand together; rows of
different ones are of different images, lesions or hit rules, and cannot be compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mammoscope.evaluation.set.protocols import PROTOCOLS
from mammoscope.models import bundled_cards
from mammoscope.reporting.model_cards import figures_of

OURS = "none of a paper"


@dataclass(frozen=True)
class Published:
    """A figure as an abstract gives it.

    ``protocol`` is a name of ours, or empty where its rules are of no protocol here.
    """

    figure: str
    protocol: str
    on: str
    by: str


PUBLISHED = (
    Published(
        "AUC 0.95, classification",
        "inbreast-ribli-2018",
        "INbreast; trained on other sets",
        "D. Ribli et al., Scientific Reports 8:4165 (2018)",
    ),
    Published(
        "sensitivity 0.99 ± 0.03 at 1.17 FPPI, malignant masses",
        "inbreast-agarwal-2020",
        "INbreast, learnt from it further; mean and spread of its folds",
        "R. Agarwal et al., Computers in Biology and Medicine 121:103774 (2020)",
    ),
    Published(
        "sensitivity 0.85 ± 0.08 at 1.0 FPPI, benign masses",
        "inbreast-agarwal-2020",
        "the same",
        "the same",
    ),
    Published(
        "sensitivity 0.93 at 0.78 FPPI",
        "",
        "OPTIMAM, images of one maker (Hologic)",
        "the same",
    ),
    Published(
        "sensitivity 0.91 ± 0.06 at 1.69 FPPI",
        "",
        "OPTIMAM, images of another maker (GE)",
        "the same",
    ),
    Published(
        "sensitivity 0.90 at 0.9 FPPI, on average",
        "",
        "INbreast, cross-validated",
        "H. Min et al., arXiv:1906.12118 (2019)",
    ),
)


def page() -> Iterator[str]:
    """Lines of Markdown."""
    yield "# Published figures beside ours\n"
    yield "**Never compare two rows of different protocols**: they are of other images, other"
    yield "lesions or another rule of hits, and a set that a model learnt from is easier for it."
    yield "What each protocol fixes stands under [protocols](../protocols.md).\n"
    yield "## As published\n"
    yield "| figure | protocol | measured on | by |\n|---|---|---|---|"
    for each in PUBLISHED:
        name = f"`{PROTOCOLS[each.protocol].name}`" if each.protocol else "its own"
        yield f"| {each.figure} | {name} | {each.on} | {each.by} |"
    yield "\n## Ours\n"
    yield f"Protocol: {OURS}, but that which stands in the column, on patients that the model had"
    yield "not seen. Made from the [cards](models.md); 95 % intervals from resampling patients.\n"
    yield "| model | figure | protocol | measured on |\n|---|---|---|---|"
    for card in bundled_cards():
        if card.task != "detection":
            continue
        of = card.facts.get("figures", {})
        for block in figures_of(card.facts):
            on = str(of.get("data", "")) if block.part == "figures" else block.label
            rule = f"out of fold, {block.label}" if block.part == "figures" else block.part
            for name, known in block.figures.items():
                if name in ("AP", "sensitivity at FPPI 1") or block.part != "figures":
                    yield f"| {card.name} {card.version} | {name} {known} | {rule} | {_cell(on)} |"
    yield "\nOf the sets above only parts are at hand here: no row of ours is of their protocols."


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
