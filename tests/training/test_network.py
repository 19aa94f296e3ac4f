from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
from safetensors.torch import save_file  # noqa: E402

from mammoscope.errors import InputError  # noqa: E402
from mammoscope.training.config import DetectorConfig  # noqa: E402
from mammoscope.training.network import (  # noqa: E402
    STRIDE,
    Decoder,
    MassNetwork,
    load_imagenet,
    restore_batch_norm,
)


@pytest.fixture
def network(config: DetectorConfig) -> MassNetwork:
    torch.manual_seed(0)
    return MassNetwork(config.network)


def test_restoring_batch_norms_keeps_the_function(network: MassNetwork) -> None:
    network, pictures = network.double(), torch.rand(4, 1, 96, 64).double()
    with torch.no_grad():
        for parameter in network.trunk.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.rand_like(parameter))
        network.eval()
        before = network.trunk(pictures)
        restore_batch_norm(network, pictures)
        after = network.eval().trunk(pictures)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert network.trunk.bn1.running_var.ne(1).all()


def test_rgb_weights_are_summed_for_a_grey_picture(
    network: MassNetwork, config: DetectorConfig, tmp_path: Path
) -> None:
    weights = {k: v.clone() for k, v in network.trunk.state_dict().items()}
    weights["conv_stem.weight"] = torch.ones(32, 3, 3, 3)
    save_file(weights, tmp_path / "rgb.safetensors")
    load_imagenet(network, tmp_path / "rgb.safetensors")
    assert network.trunk.conv_stem.weight.eq(3).all()


def test_a_file_of_another_network_is_refused(network: MassNetwork, tmp_path: Path) -> None:
    save_file({"other.weight": torch.ones(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"other\.safetensors: has no"):
        load_imagenet(network, tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable"):
        load_imagenet(network, tmp_path / "broken.safetensors")


def test_the_decoder_reads_boxes_off_the_peaks() -> None:
    class Fixed(torch.nn.Module):
        def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            logits = torch.full((1, 1, 12, 8), -9.0)
            logits[0, 0, 3, 2], logits[0, 0, 3, 3], logits[0, 0, 9, 6] = 2.0, 1.0, 0.0
            sides = torch.arange(1.0, 5.0).view(1, 4, 1, 1).expand(1, 4, 12, 8) * 4
            return logits, sides

    boxes, scores = Decoder(Fixed(), top=3)(torch.zeros(1, 1, 96, 64))  # type: ignore[arg-type]
    x, y = 2.5 * STRIDE, 3.5 * STRIDE
    assert boxes[0, 0].tolist() == [x - 4, y - 8, x + 12, y + 16]
    assert scores[0, :2].tolist() == pytest.approx([0.8808, 0.5], abs=1e-4)
    assert scores[0, 2] < 0.01, "the lower neighbour of a peak is no peak"
