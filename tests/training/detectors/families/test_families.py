"""What every family of detectors keeps to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.ops import box_iou

from mammoscope.errors import PluginError
from mammoscope.models.session import OnnxModel
from mammoscope.training.config import (
    DEFAULT_CONFIG,
    AugmentationConfig,
    DetectorConfig,
    NetworkConfig,
    TrainingConfig,
)
from mammoscope.training.detectors.export import export_detector
from mammoscope.training.detectors.families import FAMILIES, MassDetector, build
from mammoscope.training.engine.checkpoint import save_weights

Marked = tuple[Tensor, list[Tensor]]
Small = Callable[..., NetworkConfig]

FACTS = {"name": "test", "version": "1", "threshold": {"whole": 0.5}, "training_data": ""}

families = pytest.mark.parametrize("family", FAMILIES.names)


def built(config: NetworkConfig) -> MassDetector:
    torch.manual_seed(0)
    return build(config)


@pytest.fixture(scope="module", params=FAMILIES.names)
def taught(
    request: pytest.FixtureRequest, small: Small, blobs: Marked
) -> tuple[NetworkConfig, MassDetector, list[float]]:
    """A network after some steps on eight pictures, and the losses on the way."""
    config = small(request.param)
    pictures, boxes = blobs
    network = built(config).train()
    network.fit_anchors(torch.cat(boxes).double().numpy())
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(80):
        loss = network(pictures, boxes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return config, network.eval(), losses


def test_a_family_learns_where_the_masses_are(
    taught: tuple[NetworkConfig, MassDetector, list[float]], blobs: Marked
) -> None:
    _, network, losses = taught
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    with torch.no_grad():
        found, scores = network(blobs[0])
    best = [box_iou(f[:1], true).item() for f, true in zip(found, blobs[1], strict=True)]
    assert np.median(best) > 0.6
    assert scores[:, 0].median() > 0.5


def test_the_exported_model_finds_what_the_trained_one_finds(
    taught: tuple[NetworkConfig, MassDetector, list[float]], blobs: Marked, tmp_path: Path
) -> None:
    config, network, _ = taught
    save_weights(network, tmp_path / "weights.safetensors")
    whole = DetectorConfig(config, TrainingConfig(1, 1, 1e-3), AugmentationConfig())
    facts = FACTS | {"figures": {}, "limits": []}
    card = export_detector(whole, tmp_path / "weights.safetensors", tmp_path / "it.onnx", facts)
    model = OnnxModel(card)
    for picture in blobs[0].split(1):
        with torch.no_grad():
            boxes, scores = network(picture)
        onnx_boxes, onnx_scores = model(picture=picture.numpy())
        np.testing.assert_allclose(onnx_scores, scores, atol=1e-4)
        np.testing.assert_allclose(onnx_boxes[0, 0], boxes[0, 0], atol=0.05)


@families
def test_places_come_best_first_and_as_many_for_every_picture(family: str, small: Small) -> None:
    network = built(small(family)).eval()
    with torch.no_grad():
        boxes, scores = network.find(torch.rand(2, 1, 96, 64))
        others, _ = network.find(torch.zeros(1, 1, 96, 64))
    assert boxes.shape == (2, *others.shape[1:]) == (*scores.shape, 4)
    assert (scores.diff(dim=1) <= 0).all()
    assert (scores >= 0).all() and (scores <= 1).all()
    assert torch.isfinite(boxes).all()


@families
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_pictures_without_masses_can_be_learnt_from(
    family: str, precision: torch.dtype, small: Small
) -> None:
    network = built(small(family)).train()
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        loss = network(torch.rand(2, 1, 96, 64), [torch.zeros(0, 4)] * 2)
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    gradients = {n: p.grad for n, p in network.named_parameters()}
    assert [n for n, g in gradients.items() if g is None or not torch.isfinite(g).all()] == []


@families
def test_a_mixed_batch_in_half_precision_costs_about_the_same(
    family: str, small: Small, blobs: Marked
) -> None:
    pictures, boxes = blobs[0][:2], [blobs[1][0], torch.zeros(0, 4)]
    network = built(small(family)).eval()
    with torch.no_grad():
        exact = network(pictures, boxes)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(pictures, boxes)
            _, scores = network(pictures)
    assert rough.item() == pytest.approx(exact.item(), rel=0.05)
    assert scores.dtype == torch.float32


@families
def test_the_same_pictures_give_the_same_gradients(
    family: str, small: Small, blobs: Marked
) -> None:
    gradients = []
    for _ in range(2):
        network = built(small(family)).train()
        network(*blobs).backward()
        gradients.append([p.grad for p in network.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert torch.equal(one, other)


@families
@pytest.mark.parametrize("trunk", ["resnet18", "convnext_atto"])
def test_any_extractor_can_be_the_trunk(
    family: str, trunk: str, small: Small, blobs: Marked
) -> None:
    network = built(small(family, trunk)).train()
    network.trunk.freeze(1)
    loss = network(blobs[0][:2], blobs[1][:2])
    loss.backward()
    with torch.no_grad():
        boxes, scores = network.eval()(blobs[0][:1])
    assert torch.isfinite(loss)
    assert boxes.shape == (*scores.shape, 4)
    learnt = [p.grad is not None for p in network.trunk.parameters()]
    assert any(learnt) and not all(learnt)


def test_an_unknown_family_is_refused_by_name(small: Small) -> None:
    with pytest.raises(PluginError, match=r"yolo: not among .* trained: centernet, fcos, "):
        build(small("yolo"))


PLUGGED = """
from mammoscope.training.detectors.families.centernet import CenterNet

class Theirs(CenterNet):
    pass

def not_a_network(config):
    return config.trunk
"""


def test_a_family_of_another_package_is_built_by_its_name(
    install: Callable[..., None], small: Small
) -> None:
    points = {"theirs": "Theirs", "word": "not_a_network"}
    install("their-families", PLUGGED, {"mammoscope.families": points})
    network = built(small("theirs"))
    assert type(network).__name__ == "Theirs" and isinstance(network, MassDetector)
    with pytest.raises(PluginError, match="word: gives a str, not a MassDetector"):
        build(small("word"))


@pytest.mark.parametrize("name", ["centernet", "retinanet"])
def test_the_families_are_compared_under_the_same_settings(name: str) -> None:
    one, other = (
        DetectorConfig.read(DEFAULT_CONFIG.with_stem(name)),
        DetectorConfig.read(DEFAULT_CONFIG),
    )
    assert one.network.family == name
    assert (one.training, one.augmentation) == (other.training, other.augmentation)
    assert one.network.trunk == other.network.trunk


@families
def test_nothing_is_learnt_from_what_lies_in_an_ignored_box(family: str, small: Small) -> None:
    network = built(small(family)).eval()
    pictures, nothing = torch.rand(1, 1, 96, 64), [torch.zeros(0, 4)]
    everything = [torch.tensor([[0.0, 0.0, 64.0, 96.0]])]
    assert network(pictures, nothing).item() > 0
    assert network(pictures, nothing, everything).item() == pytest.approx(0, abs=1e-6)
    mass = [torch.tensor([[20.0, 30.0, 50.0, 60.0]])]
    with_mass = network(pictures, mass, everything).item()
    assert 0 < with_mass <= network(pictures, mass).item(), "a mass in it is learnt all the same"
