from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammoscope.classification import OnnxClassifier
from mammoscope.classification.classifier import Regions, calibrated
from mammoscope.errors import ModelError
from mammoscope.geometry import Frame
from mammoscope.models import ClassifierCard
from mammoscope.types import Mammogram

Write = Callable[..., ClassifierCard]

BOXES = np.array([(20, 30, 60, 70), (90, 200, 130, 220), (5, 5, 25, 45), (100, 90, 180, 170.0)])

BOTH = """
    both (float[1,1,32,32] picture, float[1,2] features) => (float[1] logit) {
        places = Constant <value = int64[3] {1, 2, 3}> ()
        columns = Constant <value = int64[1] {1}> ()
        mean = ReduceMean <keepdims = 0> (picture, places)
        sum = ReduceSum <keepdims = 0> (features, columns)
        logit = Add (mean, sum)
    }
"""

FIRST = """
    first (float[1,2] features) => (float[1] logit) {
        column = Constant <value = int64 {0}> ()
        logit = Gather <axis = 1> (features, column)
    }
"""

TOP = """
    top (float[1,1,32,32] picture) => (float[1] logit) {
        from = Constant <value = int64[1] {0}> ()
        to = Constant <value = int64[1] {16}> ()
        axis = Constant <value = int64[1] {2}> ()
        places = Constant <value = int64[3] {1, 2, 3}> ()
        half = Slice (picture, from, to, axis)
        logit = ReduceMean <keepdims = 0> (half, places)
    }
"""

FEATURES = ("density.mean", "shape.solidity")


@pytest.fixture(scope="module")
def breast() -> Mammogram:
    """Noise on a slope, brighter towards the bottom right."""
    y, x = np.mgrid[:300, :200]
    noise = np.random.default_rng(0).uniform(0, 0.3, (300, 200))
    pixels = ((x + y) / 700 + noise + 0.01).astype(np.float32)
    return Mammogram(pixels, Frame(300, 200))


@pytest.mark.parametrize("mirrored", [False, True])
def test_neither_order_nor_company_of_a_region_matters(
    write_classifier: Write, breast: Mammogram, mirrored: bool
) -> None:
    classifier = OnnxClassifier(write_classifier(BOTH, features=FEATURES), mirrored)
    p = classifier.classify(breast, BOXES)
    assert p.shape == (4,) and p.dtype == np.float64
    assert len(set(p)) == 4
    np.testing.assert_array_equal(classifier.classify(breast, BOXES[::-1]), p[::-1])
    alone = [classifier.classify(breast, box)[0] for box in BOXES]
    np.testing.assert_array_equal(alone, p)


@pytest.mark.parametrize(
    ("graph", "side", "features"), [("", 32, ()), (BOTH, 32, FEATURES), (FIRST, 0, FEATURES)]
)
def test_no_regions_give_no_probabilities(
    write_classifier: Write, breast: Mammogram, graph: str, side: int, features: tuple[str, ...]
) -> None:
    classifier = OnnxClassifier(write_classifier(graph, side, features))
    assert classifier.classify(breast, []).shape == (0,)
    maps = classifier.maps(classifier.look(breast, []))
    assert maps is None if graph else maps is not None and len(maps) == 0


def test_features_come_in_the_order_of_the_card(write_classifier: Write, breast: Mammogram) -> None:
    found = []
    for names in (FEATURES, FEATURES[::-1]):
        classifier = OnnxClassifier(write_classifier(FIRST, 0, names))
        regions = classifier.look(breast, BOXES)
        assert regions.pictures is None
        found.append(classifier.logits(regions))
    assert regions.features is not None
    np.testing.assert_array_equal(found, regions.features.T[::-1])


def test_mirrored_is_the_mean_of_a_picture_and_of_it_upside_down(
    write_classifier: Write, breast: Mammogram
) -> None:
    card = write_classifier(TOP)
    plain = OnnxClassifier(card)
    regions = plain.look(breast, BOXES)
    assert regions.pictures is not None
    over = Regions(regions.pictures[..., ::-1, :], None)
    one, other = plain.logits(regions), plain.logits(over)
    assert (np.abs(one - other) > 0.01).all()
    both = OnnxClassifier(card, mirrored=True)
    np.testing.assert_allclose(both.logits(regions), (one + other) / 2, atol=1e-7)
    np.testing.assert_allclose(both.logits(over), both.logits(regions), atol=1e-7)


def test_maps_are_those_of_the_model(write_classifier: Write, breast: Mammogram) -> None:
    classifier = OnnxClassifier(write_classifier())
    regions = classifier.look(breast, BOXES)
    assert regions.pictures is not None
    maps = classifier.maps(regions)
    np.testing.assert_array_equal(maps, regions.pictures[:, 0])
    np.testing.assert_allclose(classifier.logits(regions), np.mean(maps, (1, 2)), rtol=1e-5)


def test_a_model_is_named_with_its_version_and_digest(write_classifier: Write) -> None:
    card = write_classifier()
    model = OnnxClassifier(card).model
    assert (model.name, model.sha256) == ("made 1", card.sha256)


def test_the_calibration_of_the_card_is_used(write_classifier: Write, breast: Mammogram) -> None:
    plain = OnnxClassifier(write_classifier())
    logits = plain.logits(plain.look(breast, BOXES))
    card = write_classifier(calibration={"malignant": [-1, 3]})
    found = OnnxClassifier(card).classify(breast, BOXES)
    np.testing.assert_allclose(np.log(found / (1 - found)), 3 * logits - 1)


@given(
    logits=st.lists(st.floats(-1e6, 1e6), min_size=2, unique=True),
    bias=st.floats(-5, 5),
    slope=st.floats(0.01, 10),
)
def test_a_higher_logit_is_never_a_lower_chance(
    logits: list[float], bias: float, slope: float
) -> None:
    p = calibrated(np.sort(logits), (bias, slope))
    assert (np.diff(p) >= 0).all()
    assert ((p > 0) & (p < 1)).all()


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_logits_that_are_no_numbers_are_refused_by_name(
    write_classifier: Write, breast: Mammogram, value: str
) -> None:
    exponent = {"nan": "Log (below)", "inf": "Exp (large)"}[value]
    card = write_classifier(
        f"""
        wrong (float[1,1,32,32] picture) => (float[1] logit) {{
            below = Constant <value = float[1] {{-1.0}}> ()
            large = Constant <value = float[1] {{1000.0}}> ()
            logit = {exponent}
        }}
        """
    )
    with pytest.raises(ModelError, match=r"made\.onnx: gives what is no number"):
        OnnxClassifier(card).classify(breast, BOXES)


def test_several_logits_a_region_are_refused_by_name(
    write_classifier: Write, breast: Mammogram
) -> None:
    card = write_classifier(
        """
        two (float[1,1,32,32] picture) => (float[2] logit) {
            logit = Constant <value = float[2] {0.5, 0.5}> ()
        }
        """
    )
    with pytest.raises(ModelError, match=r"made\.onnx: gives not one logit a region"):
        OnnxClassifier(card).classify(breast, BOXES)


def test_other_outputs_are_refused_by_name(write_classifier: Write) -> None:
    card = write_classifier(TOP.replace("logit", "chance"))
    with pytest.raises(ModelError, match=r"made\.onnx: gives chance, not logit and map"):
        OnnxClassifier(card)


def test_a_feature_that_there_is_not_is_named(write_classifier: Write) -> None:
    card = write_classifier(FIRST, 0, ("density.mean", "shape.roundness"))
    with pytest.raises(ModelError, match=r"made\.json: asks for 'shape\.roundness', which is no"):
        OnnxClassifier(card)


def test_a_model_of_other_inputs_than_its_card_is_refused(write_classifier: Write) -> None:
    card = write_classifier(side=64)
    with pytest.raises(ModelError, match=r"made\.onnx: takes .*32.*, its card says .*64"):
        OnnxClassifier(card)
