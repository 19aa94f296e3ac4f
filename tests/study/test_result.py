from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mammoscope.study import patient_scores, study_results
from mammoscope.study.levels import BREAST_RULE, IMAGE_RULE, PATIENT_RULE
from mammoscope.study.links import link
from mammoscope.types import ImageResult, NippleLine

Make = Callable[..., ImageResult]

ids = st.sampled_from([None, "1", "2"])
facts = st.fixed_dictionaries(
    {
        "patient_id": ids,
        "study_id": ids,
        "laterality": st.sampled_from([None, "L", "R"]),
        "view": st.sampled_from([None, "CC", "MLO"]),
        "malignant_threshold": st.sampled_from([None, 0.3]),
    }
)


def images(make_result: Make, drawn: list[dict[str, Any]]) -> list[ImageResult]:
    line = NippleLine((150.0, 140.0), (0.0, 140.0))
    return [
        make_result(name=f"i{n}", p_malignant=[0.5, 0.25], nipple_line=line, **each)
        for n, each in enumerate(drawn)
    ]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(facts, max_size=8), random=st.randoms(use_true_random=False))
def test_every_image_is_in_one_study_and_what_is_said_does_not_depend_on_the_order(
    make_result: Make, drawn: list[dict[str, Any]], random: Any
) -> None:
    results = images(make_result, drawn)
    studies = study_results(results)
    assert sorted(i.name for s in studies for i in s.images) == [r.name for r in results]
    for study in studies:
        assert {(i.patient_id, i.study_id) for i in study.images} == {
            (study.patient_id, study.study_id)
        }
        assert [said.image for said in study.scores] == [image.name for image in study.images]
        if not study.known:
            assert len(study.images) == 1 and not study.breasts and study.patient is None
    random.shuffle(results)
    again = study_results(results)
    for which in ("links", "breasts", "patient"):
        said = [[getattr(s, which) for s in made if s.known] for made in (studies, again)]
        assert said[0] == said[1]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(facts, max_size=8))
def test_a_study_says_what_is_said_over_all_images(
    make_result: Make, drawn: list[dict[str, Any]]
) -> None:
    """Images of other studies change nothing."""
    results = images(make_result, drawn)
    studies = study_results(results)
    assert tuple(made for study in studies for made in study.links) == link(results)
    of_patients = {p.patient_id: p for p in patient_scores(studies) if p.patient_id is not None}
    for who, told in of_patients.items():
        scores = [b.score for s in studies if s.patient_id == who for b in s.breasts]
        assert [breast.score for breast in told.breasts] == scores
        assert told.score == (None if None in scores else max(s for s in scores if s is not None))


def test_each_score_has_the_rule_that_gave_it(make_result: Make) -> None:
    (study,) = study_results(
        [
            make_result(name="cc", p_malignant=[0.25, np.nan], malignant_threshold=0.2),
            make_result(name="mlo", boxes=[], scores=[], view="MLO", malignant_threshold=0.2),
        ]
    )
    cc, mlo = study.scores
    assert (cc.score, mlo.score, cc.rule) == (0.25 * np.sqrt(0.9), 0.0, IMAGE_RULE)
    (breast,) = study.breasts
    assert (breast.images, breast.score) == (("cc", "mlo"), 0.25 * np.sqrt(0.9) / 2)
    assert breast.rule == BREAST_RULE
    assert study.patient is not None
    assert (study.patient.score, study.patient.rule) == (breast.score, PATIENT_RULE)
