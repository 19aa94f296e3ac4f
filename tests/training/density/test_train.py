"""Training a model of breast density on phantoms, from folds to a card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("onnx", reason="needs the extra [train]")

from mammoscope.datasets import AnnotatedImage  # noqa: E402
from mammoscope.density import OnnxDensity, find_density  # noqa: E402
from mammoscope.errors import InputError, ModelError  # noqa: E402
from mammoscope.evaluation.metrics.agreement import quadratic_kappa  # noqa: E402
from mammoscope.models import DensityCard  # noqa: E402
from mammoscope.preprocessing import preprocess  # noqa: E402
from mammoscope.tables import read_table  # noqa: E402
from mammoscope.training.density.config import (  # noqa: E402
    DensityConfig,
    DensityFitConfig,
    DensityNetworkConfig,
)
from mammoscope.training.density.fit import Described, fitted  # noqa: E402
from mammoscope.training.density.network import DensityNetwork  # noqa: E402
from mammoscope.training.density.pictures import allowed_of  # noqa: E402
from mammoscope.training.density.train import train_density  # noqa: E402
from mammoscope.training.engine.loop import Run  # noqa: E402
from mammoscope.types import Density  # noqa: E402

Images = tuple[AnnotatedImage, ...]

CONFIG = DensityConfig(
    DensityNetworkConfig("mobilenetv2_100", rows=96, columns=64),
    DensityFitConfig(least_share=0.2),
)


@pytest.fixture(scope="module")
def graded(images: Images) -> Images:
    """Phantoms with a made-up grade each; the last says only F, G or D."""
    grades = [replace(image, density=1 + i % 4) for i, image in enumerate(images)]
    return (*grades[:-1], replace(grades[-1], density=None, tissue="G"))


@pytest.fixture(scope="module")
def trained(graded: Images, tmp_path_factory: pytest.TempPathFactory) -> tuple[DensityCard, Run]:
    torch.manual_seed(0)
    run = Run(tmp_path_factory.mktemp("density"), None, lambda sentence: None)
    return train_density(CONFIG, graded, 3, run), run


def test_every_image_is_judged_once_and_a_patient_in_one_fold(
    trained: tuple[DensityCard, Run], graded: Images
) -> None:
    card, run = trained
    rows = list(read_table(run.folder / "density.csv"))
    assert sorted(row["image"] for row in rows) == sorted(image.path.name for image in graded)
    fold_of = {row["patient_id"]: row["fold"] for row in rows}
    assert all(row["fold"] == fold_of[row["patient_id"]] for row in rows)
    counted = np.array(card.facts["figures"]["all"]["table"])
    assert counted.sum() == len(graded) - 1, "tissue G is no category"


def test_what_is_said_of_a_patient_does_not_depend_on_what_is_true_of_it(
    trained: tuple[DensityCard, Run], graded: Images, tmp_path: Path
) -> None:
    _, run = trained
    who = graded[0].patient_id
    other = [
        replace(image, density=5 - (image.density or 1), tissue=None)
        if image.patient_id == who
        else image
        for image in graded
    ]
    torch.manual_seed(0)
    train_density(CONFIG, other, 3, replace(run, folder=tmp_path))
    before, after = (
        [
            {**row, "true": "", "tissue": ""}
            for row in map(dict, read_table(folder / "density.csv"))
            if row["patient_id"] == who
        ]
        for folder in (run.folder, tmp_path)
    )
    assert before == after


def test_the_same_images_give_the_same_model(
    trained: tuple[DensityCard, Run], graded: Images, tmp_path: Path
) -> None:
    card, run = trained
    torch.manual_seed(0)
    again = train_density(CONFIG, graded, 3, replace(run, folder=tmp_path))
    assert again.sha256 == card.sha256


def test_the_exported_model_reads_a_breast(
    trained: tuple[DensityCard, Run], graded: Images
) -> None:
    card, _ = trained
    density = find_density(card.path).of(preprocess(graded[0].read()).mammogram)
    assert sum(density.probabilities) == pytest.approx(1, abs=1e-5)
    assert card.task == "density"


def test_a_model_of_other_outputs_is_refused(
    trained: tuple[DensityCard, Run], tmp_path: Path
) -> None:
    import onnx

    card, _ = trained
    model = onnx.load_model_from_string(card.load_weights())
    for node in model.graph.node:
        node.output[:] = [name.replace("probabilities", "else") for name in node.output]
    model.graph.output[0].name = "else"
    _put(card, tmp_path, model.SerializeToString())
    with pytest.raises(ModelError, match="gives else, not probabilities"):
        OnnxDensity(DensityCard.read(tmp_path / "density.json"))


def _put(card: DensityCard, folder: Path, data: bytes) -> None:
    from mammoscope.training.export import weights_facts, write_model

    write_model(
        folder / "density.onnx", data, card.facts | {"weights": weights_facts("density.onnx", data)}
    )


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        ({"density": 1}, (1, 0, 0, 0)),
        ({"density": 4, "tissue": "F"}, (0, 0, 0, 1)),
        ({"tissue": "F"}, (1, 1, 0, 0)),
        ({"tissue": "D"}, (0, 0, 1, 1)),
        ({}, None),
        ({"tissue": "X"}, None),
    ],
)
def test_what_the_truth_leaves_open(said: dict[str, object], allowed: object) -> None:
    assert allowed_of(AnnotatedImage.unmarked(Path("a.png"), "1", **said)) == allowed


def test_numbers_that_tell_the_category_are_learnt_with_their_cuts() -> None:
    rng = np.random.default_rng(0)
    network = DensityNetwork(CONFIG.network).eval()
    true = rng.integers(0, 4, 400)
    features = rng.standard_normal((400, len(network.mean))).astype(np.float32)
    features[:, :40] += true[:, None]
    names = np.array([str(i // 2) for i in range(400)])
    breasts = Described(features, np.eye(4, dtype=np.int64)[true], np.ones(400), names)
    cuts = fitted(network, breasts.only(np.arange(400) < 300))
    said = network.judge(torch.from_numpy(features[300:])).numpy()
    assert (said >= 0).all()
    np.testing.assert_allclose(said.sum(1), 1, atol=1e-5)
    categories = np.array(["ABCD".index(Density.of(each.tolist(), cuts).category) for each in said])
    assert quadratic_kappa(_table(true[300:], categories)) > 0.8
    of_truth = said[np.arange(100), true[300:]]
    chance = -np.log(np.maximum(of_truth, 1e-6)).mean()
    assert chance < 0.8, "the cuts know how sure they may be: 1.39 is knowing nothing"


def _table(true: np.ndarray, said: np.ndarray) -> np.ndarray:
    table = np.zeros((1, 4, 4))
    np.add.at(table[0], (true, said), 1)
    return table


def test_only_the_breast_is_described() -> None:
    network = DensityNetwork(CONFIG.network).eval()
    breast = torch.zeros(1, 1, 96, 64)
    breast[..., :48] = torch.rand(1, 1, 96, 48) * 0.5 + 0.3
    full = breast.clone()
    full[..., 48:] = 0.4
    means = [network.describe(each)[0] for each in (breast, full)]
    black = network.describe(torch.zeros(1, 1, 96, 64))[0]
    assert torch.isfinite(black).all(), "no breast at all"
    assert not torch.allclose(*means)


def test_images_without_density_are_refused(images: Images, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image of known density"):
        train_density(CONFIG, images, 2, Run(tmp_path, None, lambda sentence: None))


def test_a_fold_that_leaves_one_patient_is_refused(graded: Images, tmp_path: Path) -> None:
    two = [i for i in graded if i.patient_id != graded[0].patient_id]
    with pytest.raises(InputError, match="one patient is too few to learn from"):
        train_density(CONFIG, two, 2, Run(tmp_path, None, lambda sentence: None))
