from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")

from mammoscope.training.config import DEFAULT_CONFIG, DetectorConfig, TrainingConfig  # noqa: E402
from mammoscope.training.engine.precision import has_bfloat16, resolved  # noqa: E402

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"architecture": "x86_64", "avx512_f": True, "avx512_bf16": False}, "float32"),
        ({"architecture": "x86_64", "avx2": True}, "float32"),
        ({"architecture": "x86_64", "avx512_f": True, "avx512_bf16": True}, "bfloat16"),
        ({"architecture": "x86_64", "amx_bf16": True}, "bfloat16"),
        ({"architecture": "aarch64", "neon": True, "bf16": False}, "float32"),
        ({"architecture": "aarch64", "neon": True, "bf16": True}, "bfloat16"),
        ({}, "float32"),
    ],
)
def test_bfloat16_is_taken_where_the_processor_has_instructions_for_it(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, object], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    assert resolved("auto", CPU) == expected


@pytest.mark.parametrize("supported", [True, False])
def test_a_gpu_is_asked_for_itself(monkeypatch: pytest.MonkeyPatch, supported: bool) -> None:
    def is_supported(including_emulation: bool = True) -> bool:
        return supported or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": not supported})
    assert resolved("auto", GPU) == ("bfloat16" if supported else "float32")


def test_a_torch_that_cannot_say_and_other_devices_train_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert resolved("auto", torch.device("mps")) == "float32"
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert resolved("auto", CPU) == "float32"


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_what_is_asked_for_is_taken(precision: str) -> None:
    assert resolved(precision, CPU) == precision


def test_this_processor_is_known_as_the_system_knows_it() -> None:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        pytest.skip("no /proc/cpuinfo here")
    flags = set(cpuinfo.read_text().split())
    assert has_bfloat16(CPU) == bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


def test_the_shipped_settings_leave_it_to_the_device() -> None:
    assert DetectorConfig.read(DEFAULT_CONFIG).training.precision == "auto"
    assert TrainingConfig(1, 1, 1e-3).precision == "float32"
