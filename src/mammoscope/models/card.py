"""The contract that travels with every weights file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from mammoscope.errors import ModelError

SCHEMA = "mammoscope/model-card/1"


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
            raise ModelError(f"{path}: a model for {facts['task']}, not for {cls.task}")
        try:
            return cls(
                path=path,
                name=str(facts["name"]),
                version=str(facts["version"]),
                weights=str(facts["weights"]["file"]),
                sha256=str(facts["weights"]["sha256"]),
                facts=facts,
                **cls._of_task(facts),
            )
        except (ValueError, KeyError, TypeError) as error:
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
            data = self.weights_path.read_bytes()
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
        facts = json.loads(path.read_text(encoding="utf-8"))
        schema, _ = facts["schema"], facts["task"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, error) from error
    if schema != SCHEMA:
        raise ModelError(f"{path}: schema {schema!r} is not {SCHEMA!r}")
    return dict(facts)


def _unreadable(path: Path, error: Exception) -> ModelError:
    return ModelError(f"{path}: not a readable model card: {error!r}")
