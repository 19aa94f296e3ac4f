from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
timm = pytest.importorskip("timm", reason="needs the extra [train]")
from safetensors.torch import save_file  # noqa: E402

from mammoscope.errors import InputError, TableError  # noqa: E402
from mammoscope.training.engine.trunk import Misfit, Trunk  # noqa: E402

STRIDES = (8, 16, 32)


def trunk_of(name: str) -> Trunk:
    torch.manual_seed(0)
    return Trunk(name, STRIDES)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "test_convnext"])
def test_maps_come_finest_first(name: str) -> None:
    trunk = trunk_of(name)
    maps = trunk(torch.rand(1, 1, 96, 64))
    assert [tuple(m.shape) for m in maps] == [
        (1, channels, 96 // stride, 64 // stride)
        for channels, stride in zip(trunk.channels, STRIDES, strict=True)
    ]


def test_restoring_batch_norms_keeps_the_function() -> None:
    trunk, pictures = trunk_of("mobilenetv2_100").double(), torch.rand(4, 1, 96, 64).double()
    with torch.no_grad():
        for parameter in trunk.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.rand_like(parameter))
        before = trunk.eval()(pictures)
        trunk.restore_batch_norm(pictures)
        after = trunk.eval()(pictures)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert trunk.network.bn1.running_var.ne(1).all()


def test_rgb_weights_are_summed_for_a_grey_picture(tmp_path: Path) -> None:
    trunk = trunk_of("test_efficientnet")
    weights = {k: v.clone() for k, v in trunk.network.state_dict().items()}
    weights["conv_stem.weight"] = torch.ones_like(weights["conv_stem.weight"]).repeat(1, 3, 1, 1)
    save_file(weights, tmp_path / "rgb.safetensors")
    trunk.start_from(tmp_path / "rgb.safetensors")
    assert trunk.network.conv_stem.weight.eq(3).all()


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "test_convnext"])
def test_weights_of_the_whole_classifier_fit_its_trunk(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    classifier = timm.create_model(name).eval()
    save_file(classifier.state_dict(), tmp_path / "it.safetensors")
    trunk = trunk_of(name).eval()
    trunk.start_from(tmp_path / "it.safetensors")
    grey = torch.rand(1, 1, 96, 64)
    with torch.no_grad():
        coarsest = trunk(grey)[-1]
        expected = classifier.forward_intermediates(
            (grey * 2 - 1).expand(-1, 3, -1, -1), indices=1, intermediates_only=True
        )[-1]
    torch.testing.assert_close(coarsest, expected, rtol=1e-3, atol=1e-4)


def test_a_trunk_starts_from_that_of_a_detector(tmp_path: Path) -> None:
    """Whose maps are of three strides; whatever else the file holds."""
    torch.manual_seed(1)
    detector = Trunk("test_efficientnet", STRIDES).eval()
    weights = {f"trunk.{name}": value for name, value in detector.state_dict().items()}
    save_file(weights | {"head.conv_stem.weight": torch.ones(3)}, tmp_path / "d.safetensors")
    torch.manual_seed(2)
    trunk = Trunk("test_efficientnet", (32,)).eval()
    grey = torch.rand(1, 1, 96, 64)
    with torch.no_grad():
        coarsest = detector(grey)[-1]
        assert not torch.equal(trunk(grey)[0], coarsest)
        trunk.start_from(tmp_path / "d.safetensors")
        torch.testing.assert_close(trunk(grey)[0], coarsest, rtol=0, atol=0)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    trunk = trunk_of("test_efficientnet")
    save_file({"other.weight": torch.ones(3)}, tmp_path / "other.safetensors")
    with pytest.raises(Misfit, match=r"other\.safetensors: has no"):
        trunk.start_from(tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable") as caught:
        trunk.start_from(tmp_path / "broken.safetensors")
    assert not isinstance(caught.value, Misfit)


def test_weights_of_a_wider_network_are_refused_by_parameter_and_shapes(tmp_path: Path) -> None:
    wide = {k: v.clone() for k, v in trunk_of("mobilenetv2_140").network.state_dict().items()}
    save_file(wide, tmp_path / "wide.safetensors")
    with pytest.raises(Misfit, match=r"conv_stem\.weight is \(48, 1, 3, 3\) there, \(32, 1,"):
        trunk_of("mobilenetv2_100").start_from(tmp_path / "wide.safetensors")


@pytest.mark.parametrize(
    ("name", "kept", "first_learnt"),
    [
        ("mobilenetv2_100", ("conv_stem", "bn1", "blocks.0", "blocks.1"), "blocks.2"),
        ("resnet18", ("conv1", "bn1", "layer1", "layer2"), "layer3"),
        ("test_convnext", ("stem_0", "stem_1", "stages_0", "stages_1"), "stages_2"),
        ("regnety_002", ("stem", "s1", "s2"), "s3"),
    ],
)
def test_stem_and_first_stages_are_frozen(
    name: str, kept: tuple[str, ...], first_learnt: str
) -> None:
    trunk = trunk_of(name)
    trunk.freeze(2)
    parameters = list(trunk.network.named_parameters())
    learnt = [n for n, p in parameters if p.requires_grad]
    assert all(n.startswith(tuple(f"{k}." for k in kept)) for n, _ in parameters[: -len(learnt)])
    assert learnt[0].startswith(f"{first_learnt}.")
    assert learnt == [n for n, _ in parameters[-len(learnt) :]]


def test_no_stage_is_frozen_unless_asked() -> None:
    trunk = trunk_of("densenet121")
    trunk.freeze(0)
    assert all(p.requires_grad for p in trunk.parameters())


def test_a_trunk_without_stages_refuses_to_freeze_them() -> None:
    with pytest.raises(TableError, match="densenet121: frozen_stages is 1, but 0 stages"):
        trunk_of("densenet121").freeze(1)
    with pytest.raises(TableError, match="resnet18: frozen_stages is 9, but 4 stages"):
        trunk_of("resnet18").freeze(9)


def test_frozen_batch_norms_keep_their_statistics() -> None:
    trunk = trunk_of("test_efficientnet")
    trunk.freeze(1)
    before = {n: v.clone() for n, v in trunk.network.named_buffers() if "running" in n}
    trunk.train()(torch.rand(2, 1, 96, 64))
    changed = {
        n for n, v in trunk.network.named_buffers() if n in before and (v != before[n]).any()
    }
    frozen = {n for n in before if n.startswith(("bn1.", "blocks.0."))}
    assert changed == set(before) - frozen


@pytest.mark.parametrize(
    ("name", "padding", "cause"),
    [
        ("no_such_network", "", "no_such_network: is no feature extractor of timm"),
        ("vit_tiny_patch16_224", "", "vit_tiny_patch16_224: has no feature map at stride 8"),
        ("swin_tiny_patch4_window7_224", "", "channels last"),
        ("test_resnet", "same", "test_resnet: cannot be built with .*pad_type"),
    ],
)
def test_a_trunk_that_will_not_do_is_refused_by_name(name: str, padding: str, cause: str) -> None:
    with pytest.raises(TableError, match=cause):
        Trunk(name, STRIDES, padding)
