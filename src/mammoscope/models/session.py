"""Running an ONNX model; the only module that imports onnxruntime."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import ModelError
from mammoscope.models.card import ModelCard


class OnnxModel:
    """A model as a pure function of a batch: nothing is kept between calls.

    One thread a call, so the result does not depend on how many calls run side by side.

    Raises
    ------
    ModelError
        If the weights are missing, changed, not a model that the runtime can load, or take
        pictures of another size than the card says.
    """

    def __init__(self, card: ModelCard) -> None:
        import onnxruntime

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
        self._input = self._session.get_inputs()[0]
        takes, says = list(self._input.shape[1:]), [1, card.rows, card.columns]
        if takes != says:
            raise ModelError(
                f"{card.weights_path}: takes pictures of {takes}, its card says {says}"
            )

    def __call__(self, picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """The outputs for a batch (B, 1, rows, columns) of pictures in [0, 1].

        Raises
        ------
        ModelError
            If the batch is not of the size the card names.
        """
        expected = (1, self.card.rows, self.card.columns)
        if picture.shape[1:] != expected:
            raise ModelError(
                f"{self.card.name} takes pictures of shape {expected}, got {picture.shape[1:]}"
            )
        return tuple(self._session.run(None, {self._input.name: picture}))
