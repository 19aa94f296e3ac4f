"""Running an ONNX model; the only module that imports onnxruntime."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import ModelError
from mammoscope.models.card import ModelCard
from mammoscope.types import ModelUse

Card = TypeVar("Card", bound=ModelCard)


class OnnxModel(Generic[Card]):
    """A model as a pure function of a batch: nothing is kept between calls.

    One thread a call, so the result does not depend on how many calls run side by side.

    Parameters
    ----------
    card
        Its contract.
    gives
        Names of its outputs, one tuple for each set of them that will do; none: any will.

    Attributes
    ----------
    use
        What results say of the model.

    Raises
    ------
    ModelError
        If the weights are missing, changed, not a model that the runtime can load, or take
        other inputs than the card says, or give other outputs.
    """

    def __init__(self, card: Card, *gives: tuple[str, ...]) -> None:
        onnxruntime = _runtime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                card.load_weights(), options, providers=["CPUExecutionProvider"]
            )
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(f"{card.weights_path}: cannot be loaded: {error}") from error
        self.card = card
        self.outputs = tuple(output.name for output in self._session.get_outputs())
        takes = {each.name: tuple(each.shape[1:]) for each in self._session.get_inputs()}
        if takes != card.inputs:
            raise ModelError(f"{card.weights_path}: takes {takes}, its card says {card.inputs}")
        if gives and self.outputs not in gives:
            said, wanted = ", ".join(self.outputs), " and ".join(gives[-1])
            raise ModelError(f"{card.weights_path}: gives {said}, not {wanted}")
        self.use = ModelUse(name=f"{card.name} {card.version}", sha256=card.sha256)

    def __call__(self, **batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """The outputs for a batch: each input (B, ...) by its name, pictures in [0, 1].

        Raises
        ------
        ModelError
            If the inputs are not of the names and sizes that the card says.
        """
        given = {name: array.shape[1:] for name, array in batch.items()}
        if given != self.card.inputs:
            raise ModelError(f"{self.card.name} takes {self.card.inputs}, got {given}")
        outputs = tuple(self._session.run(None, batch))
        if not all(np.isfinite(output).all() for output in outputs):
            raise ModelError(f"{self.card.weights_path}: gives what is no number")
        return outputs


def _runtime() -> ModuleType:
    """The runtime, which is told to report to nobody.

    From 1.29 its official builds send facts on models and machine to their maker unless
    ORT_DISABLE_TELEMETRY is set before they are loaded (microsoft/onnxruntime, pull request
    27379). A process that had loaded it before is told by a call, which stops what comes after.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    silence = getattr(onnxruntime, "disable_telemetry_events", None)
    if silence is not None:
        silence()
    module: ModuleType = onnxruntime
    return module
