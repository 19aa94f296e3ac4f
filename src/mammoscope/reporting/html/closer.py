"""A closer look at each finding shown: the close-up, the model's evidence, telling features."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

from mammoscope.classification.reference import PERCENTS, TELLING, Telling, reference
from mammoscope.geometry import FloatArray
from mammoscope.reporting.html.hanging import Sheet
from mammoscope.reporting.html.marks import Mark, in_order, linked_to, size, verdict
from mammoscope.reporting.html.markup import Html, element, joined
from mammoscope.reporting.pictures.closeup import FULL_LOG_ODDS, heat_map, squares
from mammoscope.reporting.pictures.overlay import Preview
from mammoscope.study import Link
from mammoscope.types import Explanation, Feature

# Rows of a spread's picture, for benign and for malignant masses.
_ROWS = {"benign": 4, "malignant": 11}
_WIDTH, _HEIGHT = 100, 15


def closer_look(study: Sheet, found: Sequence[Mark], links: Sequence[Link]) -> Html | None:
    """A card for each finding that has a close-up, in the order of the list."""
    cards = [_card(mark, mark.closeup, study, links) for mark in in_order(found) if mark.closeup]
    if not cards:
        return None
    why = [mark.explanation for mark in found if mark.explanation]
    return element(
        "section",
        {"class": "closer"},
        element("h3", None, "A closer look"),
        element("div", {"class": "cards"}, *cards),
        _ABOUT_HEAT if any(w.evidence for w in why) else None,
        _about_features() if why else None,
    )


def _card(mark: Mark, closeup: Preview, study: Sheet, links: Sequence[Link]) -> Html:
    why, twin = mark.explanation, linked_to(mark, study, links)
    caption = study.caption(mark.film)
    return element(
        "article",
        {"class": "card", "aria-label": f"Finding {mark.number} on {caption}", **mark.attributes},
        element(
            "figure",
            {"class": "closeup"},
            _picture(mark, closeup, why),
            joined(_HEAT_BUTTON, _RAMP) if why and why.evidence else None,
        ),
        element(
            "div",
            {"class": "reasons"},
            element(
                "h4",
                None,
                element("span", {"class": "badge"}, str(mark.number)),
                element("span", {"class": "where", "title": caption}, caption),
                element("span", {"class": "score"}, "" if mark.p is None else f"{mark.p:.2f}"),
            ),
            element("p", None, verdict(mark)) if mark.p is not None else None,
            element("p", {"class": "dim"}, f"{size(mark)} · score {mark.score:.2f}"),
            element("p", None, f"{twin[0]}: {twin[1]}") if twin else None,
            _features(why) if why else None,
        ),
    )


def _picture(mark: Mark, closeup: Preview, why: Explanation | None) -> Html:
    """The close-up in pixels of the source, so that box and heat map lie where they belong."""
    box = np.array([mark.box_px])
    ((x0, y0, x1, y1),) = squares(box)
    rows, columns = closeup.frame.size
    evidence = why.evidence if why else None
    return element(
        "svg",
        {
            "viewBox": f"{x0:.2f} {y0:.2f} {x1 - x0:.2f} {y1 - y0:.2f}",
            "role": "img",
            "aria-label": f"Close-up of finding {mark.number} on {mark.film.result.name}",
        },
        _image(closeup.jpeg, "jpeg", closeup.frame.boxes_to_source([[0, 0, columns, rows]])[0]),
        _image(heat_map(evidence.log_odds), "png", evidence.box, "heat") if evidence else None,
        element("rect", {"class": "line", **_place(box[0])}),
    )


def _image(data: bytes, kind: str, box: FloatArray, css: str = "plain") -> Html:
    href = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    attributes = {"class": css, "preserveAspectRatio": "none", "href": href, **_place(box)}
    return element("image", attributes)


def _place(box: FloatArray) -> dict[str, str]:
    x0, y0, x1, y1 = box
    values = {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0}
    return {name: f"{value:.2f}" for name, value in values.items()}


def _features(why: Explanation) -> Html:
    """The telling features, each with its place among masses of known pathology."""
    return element(
        "table",
        None,
        element(
            "tr",
            None,
            element("th", {"colspan": 2, "scope": "col"}, "Feature"),
            element("th", {"scope": "col"}, "Higher than"),
            element("th", {"scope": "col"}, "benign"),
            element("th", {"scope": "col"}, "malignant"),
        ),
        *(_feature(telling, why.features[telling.name]) for telling in TELLING),
    )


def _feature(telling: Telling, feature: Feature) -> Html:
    places = {"benign": feature.benign, "malignant": feature.malignant}
    return element(
        "tr",
        None,
        element("th", {"scope": "row", "title": telling.meaning}, telling.title),
        element("td", None, telling.text(feature.value)),
        element("td", None, _spread(telling.name, feature.value)),
        *(element("td", None, f"{places[kind]} %") for kind in _ROWS),
    )


def _spread(name: str, value: float) -> Html:
    """Where a value lies: of both classes the middle 90 %, the middle half and the median."""
    quantiles = {
        kind: q[[PERCENTS.index(p) for p in (5, 25, 50, 75, 95)]]
        for kind, q in reference().quantiles[name].items()
    }
    low = min(float(q[0]) for q in quantiles.values())
    high = max(float(q[-1]) for q in quantiles.values())
    margin = 0.08 * (high - low)

    def x(at: float) -> float:
        share = (at - low + margin) / (high - low + 2 * margin)
        return float(np.clip(_WIDTH * share, 1, _WIDTH - 1))

    bars = []
    for kind, y in _ROWS.items():
        least, lower, median, upper, most = (x(float(v)) for v in quantiles[kind])
        bars += [
            _bar(f"{kind} most", least, most, y - 0.5, 1),
            _bar(f"{kind} half", lower, upper, y - 2, 4),
            _bar("median", median - 0.5, median + 0.5, y - 2, 4),
        ]
    here = _bar("here", x(value) - 0.75, x(value) + 0.75, 0, _HEIGHT)
    attributes = {"class": "spread", "viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "aria-hidden": "true"}
    return element("svg", attributes, *bars, here)


def _bar(css: str, x0: float, x1: float, y: float, height: float) -> Html:
    return element(
        "rect",
        {"class": css, "x": f"{x0:.1f}", "width": f"{x1 - x0:.1f}", "y": y, "height": height},
    )


def _about_features() -> Html:
    known = reference()
    count = " and ".join(f"{number} {kind}" for kind, number in known.masses.items())
    return element(
        "details",
        {"class": "about dim"},
        element("summary", None, "The features"),
        element(
            "p",
            None,
            "They are measured for the reader, and are not the model’s reasons. The white line is "
            "this finding; above it lie benign masses, below malignant ones: 90 % of them on the "
            "thin bar, half on the thick one. The percentages say how many have a lower value. "
            f"The masses: {count}, of {known.source['name']}, {known.source['licence']}.",
        ),
        element(
            "dl",
            None,
            *(
                joined(element("dt", None, t.title), element("dd", None, t.meaning))
                for t in TELLING
            ),
        ),
    )


_HEAT_BUTTON = element(
    "button", {"type": "button", "data-heat": True, "aria-pressed": "false"}, "Heat map"
)

_RAMP = element(
    "p",
    {"class": "ramp-row dim"},
    f"against −{FULL_LOG_ODDS:g}",
    element("span", {"class": "ramp"}),
    f"+{FULL_LOG_ODDS:g} for malignancy",
)

_ABOUT_HEAT = element(
    "p",
    {"class": "about dim"},
    "A heat map shows what P(malignant) is made of, in log-odds: its mean over the square is what "
    "the picture gives, 0 being even odds. It is coarse, and each place looks at its surroundings. "
    "It is no outline of a lesion and gives no reason; a coloured place need not be diseased, nor "
    "a clear one healthy.",
)
