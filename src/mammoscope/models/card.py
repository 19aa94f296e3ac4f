"""The contract that travels with every weights file."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from mammoscope.errors import ModelError
from mammoscope.files import read_file

SCHEMA = "mammoscope/model-card/1"

_CARD_BYTES, _WEIGHTS_BYTES = 1 << 26, 1 << 32
# What looking up in JSON of any form may end in.
_FAULTS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
_LONGEST_TEXT = 1000


@dataclass(frozen=True)
class ModelCard:
    """What code must know of a model; ``facts`` holds everything that people should know.

    Each task has a card of its own: :class:`~mammoscope.models.detector_card.DetectorCard`,
    :class:`~mammoscope.models.classifier_card.ClassifierCard`.

    Parameters
    ----------
    path
        The card's own file; the weights lie beside it.
    name, version
        For example ``"mass"`` and ``"1"``.
    weights, sha256
        Name and digest of the ONNX file.
    facts
        The whole card: training data and licence, split, figures with intervals, limits.

    Examples
    --------
    >>> from mammoscope.models import DetectorCard, find_card
    >>> card = find_card(DetectorCard)
    >>> isinstance(card, mammoscope.ModelCard), card.task
    (True, 'detection')
    """

    task: ClassVar[str] = ""

    path: Path
    name: str
    version: str
    weights: str
    sha256: str
    facts: dict[str, Any]

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Shape of one item of each of the model's inputs, by its name."""
        raise NotImplementedError

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a card.

        Raises
        ------
        ModelError
            If the file is no card of this schema and task, or a field is missing or cannot be
            meant.
        """
        facts = read_facts(path)
        if facts["task"] != cls.task:
            raise ModelError(f"{path}: a model for {facts['task']!s:.60}, not for {cls.task}")
        try:
            return cls(
                path=path,
                name=text(facts["name"]),
                version=text(facts["version"]),
                weights=_file_name(facts["weights"]["file"]),
                sha256=_digest(facts["weights"]["sha256"]),
                facts=facts,
                **cls._of_task(facts),
            )
        except _FAULTS as error:
            raise _unreadable(path, error) from error

    @classmethod
    def _of_task(cls, facts: dict[str, Any]) -> dict[str, Any]:
        """The fields of one task's card; raises as looking up in JSON does."""
        raise NotImplementedError

    @property
    def weights_path(self) -> Path:
        """The ONNX file."""
        return self.path.parent / self.weights

    def load_weights(self) -> bytes:
        """The bytes of the ONNX file, checked against the card.

        Raises
        ------
        ModelError
            If the file is missing or its sha256 is not the card's.
        """
        try:
            data = read_file(self.weights_path, _WEIGHTS_BYTES)
        except OSError as error:
            raise ModelError(f"{self.weights_path}: {error.strerror}") from error
        digest = hashlib.sha256(data).hexdigest()
        if digest != self.sha256:
            raise ModelError(
                f"{self.weights_path}: sha256 is {digest[:12]}..., its card says"
                f" {self.sha256[:12]}...: the file was changed or cut off"
            )
        return data


def read_facts(path: Path) -> dict[str, Any]:
    """The JSON object of a card of any task.

    Raises
    ------
    ModelError
        If the file is no card of this schema.
    """
    try:
        facts = json.loads(
            read_file(path, _CARD_BYTES), parse_constant=_json_number, parse_float=_json_number
        )
        schema, _ = facts["schema"], text(facts["task"])
    except (OSError, *_FAULTS) as error:
        raise _unreadable(path, error) from error
    if schema != SCHEMA:
        raise ModelError(f"{path}: schema {schema!r:.60} is not {SCHEMA!r}")
    return dict(facts)


def number(value: Any) -> float:
    """A finite number of a card.

    Raises
    ------
    TypeError
        If it is none.
    ValueError
        If it is not finite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.40} is no number")
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number that can be meant")
    return float(value)


def whole(value: Any, most: int = 1 << 16) -> int:
    """A whole number of a card, from 0 to ``most``.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is not whole, or out of range.
    """
    if number(value) != int(value) or not 0 <= value <= most:
        raise ValueError(f"{value} is no whole number from 0 to {most}")
    return int(value)


def text(value: Any) -> str:
    """A short text or a number of a card, as text.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If it is empty, too long, or cannot be printed.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(f"{value!r:.40} is no text")
    if not str(value).isprintable() or not 0 < len(str(value)) <= _LONGEST_TEXT:
        raise ValueError("a text that is empty, too long or cannot be printed")
    return str(value)


def _file_name(value: Any) -> str:
    name = text(value)
    if Path(name).name != name:
        raise ValueError("the weights must lie beside the card")
    return name


def _digest(value: Any) -> str:
    digest = text(value)
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError("sha256 must be 64 hexadecimal digits")
    return digest


def _json_number(text: str) -> float:
    """A number that JSON can hold: no NaN, and nothing larger than there is."""
    return number(float(text))


def _unreadable(path: Path, error: Exception) -> ModelError:
    return ModelError(f"{path}: not a readable model card: {error!r:.300}")
