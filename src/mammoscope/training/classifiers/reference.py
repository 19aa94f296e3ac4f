"""How telling features are spread over masses of known pathology, as the report shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mammoscope.classification.features import NAMES
from mammoscope.classification.reference import PERCENTS, SCHEMA, TELLING
from mammoscope.training.classifiers.lesions import FEATURES, Lesion

_DIGITS = 5


def reference_facts(lesions: Sequence[Lesion], source: dict[str, str]) -> dict[str, Any]:
    """What :class:`~mammoscope.classification.reference.Reference` holds, as plain values.

    Of each lesion its annotated box counts. Nothing but quantiles is kept of them.
    """
    described = np.stack([lesion.shown[FEATURES][0] for lesion in lesions])
    malignant = np.array([lesion.malignant for lesion in lesions])
    kinds = {"benign": ~malignant, "malignant": malignant}

    def spread(name: str) -> dict[str, list[float]]:
        values = described[:, NAMES.index(name)]
        return {
            kind: np.percentile(values[which], PERCENTS).round(_DIGITS).tolist()
            for kind, which in kinds.items()
        }

    return {
        "schema": SCHEMA,
        "source": source,
        "masses": {kind: int(which.sum()) for kind, which in kinds.items()},
        "percents": list(PERCENTS),
        "features": {telling.name: spread(telling.name) for telling in TELLING},
    }
