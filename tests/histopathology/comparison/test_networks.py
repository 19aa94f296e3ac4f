from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mammoscope.errors import TableError
from mammoscope.histopathology.comparison.config import (
    ACTIVATIONS,
    DEFAULT_CNN,
    DEFAULT_FUSED,
    DEFAULT_REGIONS,
    CnnConfig,
    CnnSettings,
    FusedConfig,
    FusedSettings,
    RegionsConfig,
    RegionsSettings,
    StainConfig,
)
from mammoscope.histopathology.comparison.networks import ColourTrunk, Labels, TissueNetwork
from mammoscope.training.config import Settings

LABELS = Labels(np.array([True, False, False, False]), np.array([2, 0, 0, 0]), np.arange(4), 3)


def test_the_logit_is_the_mean_of_its_map(regions: RegionsSettings) -> None:
    network = TissueNetwork.regions(regions.network, 3).eval()
    logit, evidence = network(torch.rand(2, 3, 64, 64))
    assert evidence.shape == (2, 2, 2)
    torch.testing.assert_close(evidence.mean((1, 2)), logit)
    torch.testing.assert_close(network.logits(torch.ones(1, 3, 64, 64)).shape, (1, 4))


def test_each_class_weighs_the_same() -> None:
    of_malignant, of_subtypes = LABELS.weights()
    assert float(of_malignant) == 3
    assert of_subtypes.tolist() == pytest.approx([4 / 6, 0, 2])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_plain_network_learns_with_every_activation(activation: str) -> None:
    torch.manual_seed(0)
    network = TissueNetwork.plain(CnnConfig(activation), LABELS)
    pictures = torch.rand(4, 3, 64, 96) * torch.tensor([1.0, 0.2, 0.2, 0.2]).view(4, 1, 1, 1)
    wanted = torch.tensor(LABELS.malignant.astype(float)), torch.tensor(LABELS.subtype)
    steps = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        loss = network(pictures, *wanted)
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_fused_trunks_start_where_each_is_told_and_give_both_features(tmp_path: Path) -> None:
    config = FusedConfig("resnet10t", "mobilenetv2_050", 96, 96)
    given = ColourTrunk("resnet10t")
    save_file(given.network.state_dict(), tmp_path / "resnet.safetensors")
    network = TissueNetwork.fused(config, (tmp_path / "resnet.safetensors", None), LABELS).eval()
    pictures = torch.rand(2, 3, 96, 96)
    found = network.trunk(pictures)
    assert found.shape == (2, network.trunk.channels, 1, 1)
    expected = given.eval()(pictures).mean((2, 3), keepdim=True)
    torch.testing.assert_close(found[:, : given.channels], expected)
    assert network.logits(pictures).shape == (2, 4)


def test_an_unknown_trunk_is_refused_by_name() -> None:
    with pytest.raises(TableError, match="no_such_net"):
        ColourTrunk("no_such_net")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (RegionsSettings, DEFAULT_REGIONS),
        (CnnSettings, DEFAULT_CNN),
        (FusedSettings, DEFAULT_FUSED),
    ],
)
def test_shipped_settings_can_be_read(kind: type[Settings], path: object) -> None:
    assert kind.read(path)  # type: ignore[arg-type]


def test_settings_out_of_range_are_refused() -> None:
    for wrong in ({"dropout": 1.0}, {"activation": "step"}, {"rows": 8}):
        with pytest.raises(ValueError, match="Input should be"):
            CnnConfig(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="colour"):
        StainConfig(colour=-0.1)
    with pytest.raises(ValueError, match="greater than or equal to 80"):
        FusedConfig(rows=64)
    with pytest.raises(ValueError, match="frozen_stages"):
        RegionsConfig("mobilenetv2_050", frozen_stages=-1)


def test_a_file_of_settings_that_nothing_can_be_looked_at_with_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('extends = "regions"\n[network]\ncrop = 1.5\n')
    with pytest.raises(TableError, match=r"mine\.toml: .*1\.5"):
        RegionsSettings.read(path)
