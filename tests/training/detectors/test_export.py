from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("onnx", reason="needs the extra [train]")

from mammoscope.errors import ModelError  # noqa: E402
from mammoscope.models.detector_card import DetectorCard  # noqa: E402
from mammoscope.training.config import DetectorConfig  # noqa: E402
from mammoscope.training.detectors.export import export_detector  # noqa: E402
from mammoscope.training.detectors.families import build  # noqa: E402
from mammoscope.training.engine.checkpoint import save_weights  # noqa: E402
from mammoscope.training.export import read_facts  # noqa: E402

FACTS = {
    "name": "x",
    "version": "1",
    "threshold": {"value": 0.5},
    "training_data": {},
    "figures": {},
    "limits": [],
}


def test_a_pair_stays_where_a_worse_one_does_not_pass(
    config: DetectorConfig, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network, weights = build(config.network), tmp_path / "weights.safetensors"
    save_weights(network, weights)
    folder = tmp_path / "out"
    folder.mkdir()
    card = export_detector(config, weights, folder / "x.onnx", FACTS)
    assert DetectorCard.read(folder / "x.json") == card
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {"x.onnx", "x.json"}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(torch.nan)
    save_weights(network, weights)
    with pytest.raises(ModelError, match=r"out.x\.onnx: gives what is no number"):
        export_detector(config, weights, folder / "x.onnx", FACTS | {"version": "2"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("content", "cause"), [("{", "not readable"), ("[1]", "not a JSON object")]
)
def test_of_facts_and_run_card_the_bad_one_is_named(
    tmp_path: Path, content: str, cause: str
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(FACTS))
    bad.write_text(content)
    for facts, run_card in ((good, bad), (bad, good)):
        with pytest.raises(ModelError, match=rf"bad\.json: {cause}"):
            read_facts(facts, run_card)
