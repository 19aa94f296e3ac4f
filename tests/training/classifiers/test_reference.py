from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from mammoscope.classification.features import NAMES
from mammoscope.classification.reference import TELLING
from mammoscope.files import json_bytes
from mammoscope.training.classifiers.lesions import FEATURES, Lesion
from mammoscope.training.classifiers.reference import reference_facts

SOURCE = {"name": "phantoms", "licence": "none", "home": "here"}


def test_quantiles_are_of_annotated_boxes_by_pathology(lesions: list[Lesion]) -> None:
    facts = json.loads(json_bytes(reference_facts(lesions, SOURCE)))
    name = TELLING[0].name
    for kind in ("benign", "malignant"):
        values = [
            lesion.shown[FEATURES][0, NAMES.index(name)]
            for lesion in lesions
            if lesion.malignant == (kind == "malignant")
        ]
        assert facts["masses"][kind] == len(values) > 0
        quantiles = facts["features"][name][kind]
        wanted = (min(values), np.median(values), max(values))
        np.testing.assert_allclose((quantiles[0], quantiles[10], quantiles[-1]), wanted, atol=1e-5)
    assert set(facts["features"]) == {telling.name for telling in TELLING}
    assert facts["source"] == SOURCE


def test_detected_boxes_do_not_count(lesions: list[Lesion]) -> None:
    alone = [replace(lesion, shown={FEATURES: lesion.shown[FEATURES][:1]}) for lesion in lesions]
    assert reference_facts(alone, SOURCE) == reference_facts(lesions, SOURCE)
