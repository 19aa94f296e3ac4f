"""The contract that travels with every weights file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mammoscope.errors import ModelError

SCHEMA = "mammoscope/model-card/1"


@dataclass(frozen=True)
class ModelCard:
    """What code must know of a model; ``facts`` holds everything that people should know.

    Parameters
    ----------
    path
        The card's own file; the weights lie beside it.
    name, version, task
        For example ``"mass-whole"``, ``"1"`` and ``"detection"``.
    weights, sha256
        Name and digest of the ONNX file.
    rows, columns
        Size of the picture that the network takes, in pixels.
    threshold
        Score from which a region is shown; the rule it was chosen by stands in ``facts``.
    facts
        The whole card: training data and licence, split, figures with intervals, limits.
    """

    path: Path
    name: str
    version: str
    task: str
    weights: str
    sha256: str
    rows: int
    columns: int
    threshold: float
    facts: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> ModelCard:
        """Read a card.

        Raises
        ------
        ModelError
            If the file is no card of this schema, or a field is missing or cannot be meant.
        """
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            if facts["schema"] != SCHEMA:
                raise ModelError(f"{path}: schema {facts['schema']!r} is not {SCHEMA!r}")
            card = cls(
                path=path,
                name=str(facts["name"]),
                version=str(facts["version"]),
                task=str(facts["task"]),
                weights=str(facts["weights"]["file"]),
                sha256=str(facts["weights"]["sha256"]),
                rows=int(facts["input"]["rows"]),
                columns=int(facts["input"]["columns"]),
                threshold=float(facts["threshold"]["value"]),
                facts=facts,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path}: not a readable model card: {error!r}") from error
        if card.rows < 1 or card.columns < 1 or not 0 <= card.threshold <= 1:
            raise ModelError(f"{path}: input size or threshold cannot be meant")
        return card

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
