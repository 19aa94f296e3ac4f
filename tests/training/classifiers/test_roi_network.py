from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")

from mammoscope.classification.features import NAMES  # noqa: E402
from mammoscope.training.classifiers.roi_network import RoiClassifier  # noqa: E402
from mammoscope.training.config import RoiNetworkConfig  # noqa: E402

SMALL = RoiNetworkConfig("test_efficientnet", side=64, dropout=0.0)


def network_of(config: RoiNetworkConfig) -> RoiClassifier:
    torch.manual_seed(0)
    return RoiClassifier(config)


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.rand(4, 1, 96, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(4, len(NAMES), generator=torch.Generator().manual_seed(0)) * 50 + 7


def test_the_logit_is_the_mean_of_the_map(pictures: torch.Tensor) -> None:
    network = network_of(SMALL)
    torch.nn.init.normal_(network.last.weight)
    network(pictures, malignant=torch.ones(4))  # so that means and spreads are not those at first
    logits, shown = network.eval()(pictures)
    assert logits.shape == (4,) and shown.shape == (4, 3, 2)
    assert shown.std() > 0.01
    torch.testing.assert_close(shown.mean((1, 2)), logits, rtol=1e-4, atol=1e-4)


def test_features_add_evidence_of_their_own(pictures: torch.Tensor, features: torch.Tensor) -> None:
    network = network_of(replace(SMALL, features=True)).eval()
    network.fit_features(features)
    logits, shown = network(pictures, features)
    added = logits - shown.mean((1, 2))
    assert added.std() > 0.01
    other, _ = network(pictures.flip(0), features)
    torch.testing.assert_close(other - shown.mean((1, 2)).flip(0), added)


def test_features_are_taken_in_deviations_from_the_training_lesions(
    features: torch.Tensor,
) -> None:
    network = network_of(replace(SMALL, features=True)).eval()
    features[:, 3] = 2.5
    network.fit_features(features)
    assert network.described is not None
    standard = network.described[0](features)
    torch.testing.assert_close(standard.mean(0), torch.zeros(len(NAMES)), atol=1e-4, rtol=0)
    spread = standard.std(0)
    assert spread[3] == 0
    torch.testing.assert_close(spread[4:], torch.ones(len(NAMES) - 4))
    far = network.described[0](torch.full_like(features, 1e9))
    assert far.eq(5).all()


def test_the_loss_is_the_cross_entropy_of_the_logits(pictures: torch.Tensor) -> None:
    network = network_of(SMALL).eval()
    malignant = torch.tensor([1.0, 0.0, 0.0, 1.0])
    p = network(pictures)[0].sigmoid()
    expected = -(malignant * p.log() + (1 - malignant) * (1 - p).log()).mean()
    torch.testing.assert_close(network(pictures, malignant=malignant), expected)


def test_a_network_can_learn_by_heart(pictures: torch.Tensor, features: torch.Tensor) -> None:
    network = network_of(replace(SMALL, features=True))
    network.fit_features(features)
    malignant = torch.tensor([1.0, 0.0, 0.0, 1.0])
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    losses = []
    for _ in range(12):
        loss = network(pictures, features, malignant)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def learning(network: RoiClassifier) -> set[str]:
    return {name for name, p in network.named_parameters() if p.requires_grad}


def test_a_frozen_trunk_keeps_weights_and_statistics(pictures: torch.Tensor) -> None:
    network = network_of(replace(SMALL, frozen=True))
    assert learning(network) == {"last.weight", "last.bias"}
    before = {name: v.clone() for name, v in network.trunk.state_dict().items()}
    network.train()(pictures, malignant=torch.ones(4))
    for name, value in network.trunk.state_dict().items():
        torch.testing.assert_close(value, before[name], msg=name, rtol=0, atol=0)
    assert network.even.running_mean.ne(0).any()


def test_first_stages_are_frozen_when_asked() -> None:
    every = learning(network_of(SMALL))
    some = learning(network_of(replace(SMALL, frozen_stages=2)))
    kept = {name.split("network.")[-1].split(".")[0] for name in every - some}
    assert kept == {"conv_stem", "bn1", "blocks"}
    assert {"last.weight", "last.bias"} < some
    assert not any(name.startswith("trunk.network.blocks.1.") for name in some)
    assert any(name.startswith("trunk.network.blocks.2.") for name in some)
