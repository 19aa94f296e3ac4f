from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("timm", reason="needs the extra [train]")

from mammoscope.errors import InputError  # noqa: E402
from mammoscope.models import DetectorCard, find_card  # noqa: E402
from mammoscope.models.session import OnnxModel  # noqa: E402
from mammoscope.training.config import DEFAULT_CONFIG, DetectorConfig  # noqa: E402
from mammoscope.training.detectors.families import build  # noqa: E402
from mammoscope.training.engine.recover import load_exported  # noqa: E402
from mammoscope.training.export import made_picture  # noqa: E402


@pytest.fixture(scope="module")
def shipped() -> DetectorCard:
    return find_card(DetectorCard, None)


def test_the_shipped_detector_can_be_trained_further(shipped: DetectorCard) -> None:
    network = build(DetectorConfig.read(DEFAULT_CONFIG).network)
    load_exported(network, shipped.weights_path)
    picture = made_picture(shipped.rows, shipped.columns, seed=7)
    with torch.no_grad():
        boxes, scores = network.eval().find(torch.from_numpy(picture))
    onnx_boxes, onnx_scores = OnnxModel(shipped)(picture=picture)
    np.testing.assert_allclose(scores.numpy(), onnx_scores, atol=1e-4)
    sure = onnx_scores[0] > 0.05
    np.testing.assert_allclose(boxes.numpy()[0, sure], onnx_boxes[0, sure], atol=0.1)
    picture = torch.from_numpy(picture)
    network.trunk.restore_batch_norm(picture)
    with torch.no_grad():
        _, again = network.eval().find(picture)
    torch.testing.assert_close(again, scores, atol=1e-3, rtol=0)
    assert all(p.requires_grad for p in network.parameters())


def test_another_network_or_no_model_at_all_is_refused(
    shipped: DetectorCard, tmp_path: Path
) -> None:
    config = DetectorConfig.read(DEFAULT_CONFIG.parent / "retinanet.toml")
    with pytest.raises(InputError, match="not an exported model of this network"):
        load_exported(build(config.network), shipped.weights_path)
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"broken\.onnx: not a readable ONNX file"):
        load_exported(build(config.network), tmp_path / "broken.onnx")
