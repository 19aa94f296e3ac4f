"""A card as the README of a model repository: front matter as Hugging Face reads it, then the text.

Metadata of https://huggingface.co/docs/hub/model-cards and of ``model-index``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mammoscope.models import ModelCard
from mammoscope.reporting.model_cards import words
from mammoscope.reporting.model_cards.figures import Known, figures_of
from mammoscope.reporting.model_cards.markdown import markdown

_PIPELINE = {"detection": "object-detection"}
"""By task; of others: image classification."""


def hugging_face(card: ModelCard) -> str:
    """README.md of a model repository.

    Examples
    --------
    >>> from mammoscope.models import DetectorCard, find_card
    >>> hugging_face(find_card(DetectorCard)).startswith("---")
    True
    """
    lines = "\n".join(_yaml(front_matter(card)))
    return f"---\n{lines}\n---\n\n{markdown(card, 1, pictures=False)}"


def front_matter(card: ModelCard) -> dict[str, Any]:
    """The metadata as plain values, with each figure that has an interval in ``model-index``."""
    task = _PIPELINE.get(card.task, "image-classification")
    data = str(words.about_figures(card).get("data", words.training(card).get("name", "unknown")))
    results = []
    for block in figures_of(card.facts):
        of = " ".join(part for part in (block.heading, block.label) if part)
        metrics = [_metric(name, known) for name, known in block.figures.items()]
        name = data if block.part == "figures" else ""
        named = f"{name} ({of})" if name and of else name or of
        dataset = {"name": named, "type": "mammography"}
        results.append({"task": {"type": task}, "dataset": dataset, "metrics": metrics})
    return {
        "license": "apache-2.0",
        "library_name": "mammoscope",
        "pipeline_tag": task,
        "tags": ["mammography", "medical", "onnx", "research-use-only", card.task],
        "model_name": f"{card.name} {card.version}",
        "model-index": [{"name": f"{card.name} {card.version}", "results": results}],
    }


def _metric(name: str, known: Known) -> dict[str, Any]:
    interval = "" if known.low is None else f" (95 % {known.low:.3g} to {known.high:.3g})"
    return {
        "type": name.lower().replace(" ", "_"),
        "name": f"{name}{interval}",
        "value": known.value,
    }


def _yaml(value: Any, indent: int = 0) -> Iterator[str]:
    """Block style with JSON's scalars, which are YAML's too."""
    pad = "  " * indent
    items: Sequence[tuple[str, Any]]
    if isinstance(value, Mapping):
        items = [(f"{pad}{key}:", inner) for key, inner in value.items()]
    else:
        items = [(f"{pad}-", inner) for inner in value]
    for head, inner in items:
        if isinstance(inner, Mapping | list) and inner:
            yield head
            yield from _yaml(inner, indent + 1)
        else:
            yield f"{head} {json.dumps(inner, ensure_ascii=False)}"
