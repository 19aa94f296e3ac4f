"""The calibration plot of a card: said chances against what came true, as SVG without libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SIDE, _EDGE = 260, 46
"""Of the square, and of the margin for axes, in units of the picture."""


@dataclass(frozen=True)
class Bin:
    """Cases of about one said chance.

    Parameters
    ----------
    p
        Their mean said chance, in [0, 1].
    share
        Share of them for which it came true.
    count
        How many.
    """

    p: float
    share: float
    count: int


def bins_of(facts: Mapping[str, Any]) -> dict[str, tuple[Bin, ...]]:
    """``figures.reliability.by``: the bins of a card by what they are of; empty without any."""
    part = facts.get("figures", {})
    said = part.get("reliability", {}) if isinstance(part, Mapping) else {}
    return {
        str(one["of"]): tuple(Bin(b["p"], b["share"], int(b["count"])) for b in one["bins"])
        for one in said.get("by", ())
    }


def reliability_svg(bins: tuple[Bin, ...], title: str) -> str:
    """A picture of the bins: dots on the dashed line are as said; areas go with the counts.

    Examples
    --------
    >>> svg = reliability_svg((Bin(0.2, 0.25, 40), Bin(0.7, 0.6, 60)), "lesions")
    >>> svg.count("<circle"), svg.startswith("<svg")
    (2, True)
    """
    most = max((each.count for each in bins), default=1)
    full = _SIDE + 2 * _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full} {full}" width="{full}" '
        f'role="img" font-family="sans-serif" font-size="12" fill="currentColor">',
        f"<title>{_escaped(title)}</title>",
        f'<rect x="{_EDGE}" y="{_EDGE}" width="{_SIDE}" height="{_SIDE}" fill="none" '
        'stroke="currentColor" opacity="0.5"/>',
        f'<path d="M{_at(0, 0)} L{_at(1, 1)}" stroke="currentColor" stroke-dasharray="4" '
        'opacity="0.5"/>',
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _place(tick, tick)
        parts.append(
            f'<text x="{x:.1f}" y="{_EDGE + _SIDE + 16}" text-anchor="middle">{tick:g}</text>'
        )
        parts.append(f'<text x="{_EDGE - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    middle = full / 2
    parts.append(f'<text x="{middle}" y="{full - 10}" text-anchor="middle">said chance</text>')
    parts.append(
        f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">'
        "share that came true</text>"
    )
    line = " L".join(_at(each.p, each.share) for each in bins)
    if len(bins) > 1:
        parts.append(f'<path d="M{line}" fill="none" stroke="#1f77b4" stroke-width="1.5"/>')
    for each in bins:
        x, y = _place(each.p, each.share)
        radius = 2 + 5 * (each.count / most) ** 0.5
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="#1f77b4">'
            f"<title>{each.count}: said {each.p:.3f}, came true {each.share:.3f}</title></circle>"
        )
    return "".join(parts) + "</svg>"


def _place(p: float, share: float) -> tuple[float, float]:
    return _EDGE + p * _SIDE, _EDGE + (1 - share) * _SIDE


def _at(p: float, share: float) -> str:
    x, y = _place(p, share)
    return f"{x:.1f} {y:.1f}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
