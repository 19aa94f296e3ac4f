"""Training a model of breast density on phantoms, from folds to a card."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("onnx", reason="needs the extra [train]")

from mammoscope.datasets import AnnotatedImage  # noqa: E402
from mammoscope.density import OnnxDensity, find_density  # noqa: E402
from mammoscope.errors import InputError, ModelError  # noqa: E402
from mammoscope.models import DensityCard  # noqa: E402
from mammoscope.preprocessing import preprocess  # noqa: E402
from mammoscope.tables import read_table  # noqa: E402
from mammoscope.training.config import (  # noqa: E402
    AugmentationConfig,
    DensityConfig,
    DensityNetworkConfig,
    TrainingConfig,
)
from mammoscope.training.density.network import DensityNetwork  # noqa: E402
from mammoscope.training.density.pictures import allowed_of  # noqa: E402
from mammoscope.training.density.train import train_density  # noqa: E402
from mammoscope.training.engine.loop import Run  # noqa: E402

Images = tuple[AnnotatedImage, ...]

CONFIG = DensityConfig(
    DensityNetworkConfig("mobilenetv2_100", rows=96, columns=64, frozen_stages=2),
    TrainingConfig(epochs=1, batch=4, learning_rate=1e-3, warmup_steps=2),
    AugmentationConfig(flip=0.5, gamma=0.2),
)


@pytest.fixture(scope="module")
def graded(images: Images) -> Images:
    """Phantoms with a made-up grade each; the last says only F, G or D."""
    grades = [replace(image, density=1 + i % 4) for i, image in enumerate(images)]
    return (*grades[:-1], replace(grades[-1], density=None, tissue="G"))


@pytest.fixture(scope="module")
def trained(graded: Images, tmp_path_factory: pytest.TempPathFactory) -> tuple[DensityCard, Run]:
    run = Run(tmp_path_factory.mktemp("density"), None, lambda sentence: None)
    return train_density(CONFIG, graded, 2, run), run


def test_every_image_is_judged_by_a_model_that_never_saw_its_patient(
    trained: tuple[DensityCard, Run], graded: Images
) -> None:
    card, run = trained
    rows = list(read_table(run.folder / "density.csv"))
    assert len(rows) == len(graded)
    fold_of = {row["patient_id"]: row["fold"] for row in rows}
    assert all(row["fold"] == fold_of[row["patient_id"]] for row in rows)
    for fold in {"1", "2"}:
        seen = json.loads((run.folder / f"fold-{fold}" / "done.json").read_text())["images"]
        left_out = {Path(row["image"]).name for row in rows if row["fold"] == fold}
        assert left_out
        assert not left_out & {Path(path).name for path in seen}
    counted = np.array(card.facts["figures"]["all"]["table"])
    assert counted.sum() == len(graded) - 1, "tissue G is no category"


def test_a_run_that_is_done_gives_the_same_without_training(
    trained: tuple[DensityCard, Run], graded: Images
) -> None:
    card, run = trained
    told: list[str] = []
    again = train_density(CONFIG, graded, 2, replace(run, report=told.append))
    assert again.sha256 == card.sha256
    assert not [sentence for sentence in told if sentence.startswith("training")]
    with pytest.raises(InputError, match="other settings or data"):
        train_density(CONFIG, graded[:-2], 2, run)


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


def test_a_higher_cut_makes_no_category_above_it_likelier() -> None:
    torch.manual_seed(0)
    network = DensityNetwork(CONFIG.network).eval()
    breast = torch.rand(1, 1, 96, 64) * 0.8 + 0.1
    found = network(breast)[0].detach()
    assert found.sum() == pytest.approx(1, abs=1e-5)
    with torch.no_grad():
        network.first_cut += 3
    lower = network(breast)[0].detach()
    assert (lower.cumsum(0) >= found.cumsum(0) - 1e-6).all()


def test_a_loss_is_of_the_categories_left_open_together() -> None:
    torch.manual_seed(0)
    network: Callable[..., torch.Tensor] = DensityNetwork(CONFIG.network).eval()
    breast = torch.rand(1, 1, 96, 64)
    chances = network(breast)[0]
    loss = network(breast, torch.tensor([[0.0, 1.0, 1.0, 0.0]]))
    assert loss.item() == pytest.approx(-np.log((chances[1] + chances[2]).item()), abs=1e-5)


def test_images_without_density_are_refused(images: Images, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 patients cannot be split"):
        train_density(CONFIG, images, 2, Run(tmp_path, None, lambda sentence: None))
