from __future__ import annotations

from pathlib import Path

import pytest

from mammoscope.errors import TableError
from mammoscope.training.config import (
    DEFAULT_CONFIG,
    AugmentationConfig,
    DetectorConfig,
    NetworkConfig,
    TrainingConfig,
)


def test_the_settings_of_the_shipped_model_can_be_read() -> None:
    assert DetectorConfig.read(DEFAULT_CONFIG).network.trunk == "mobilenetv2_100"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[network", "not a readable TOML"),
        ("[nettwork]", "unknown section 'nettwork'"),
        ("[network]\ntrunc = 'x'", "unknown setting 'trunc'"),
        ("[network]\ntrunk = 5", "trunk must be of kind str"),
        ("[network]\ntrunk = 'x'", "missing"),
        ("network = 5", "a section is wanted, got 5"),
        ("[network]\ntrunk = 'x'\nrows = 100\ncolumns = 64", "rows must be a multiple of 32"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_cause(tmp_path: Path, text: str, cause: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(TableError, match=cause) as caught:
        DetectorConfig.read(path)
    assert "bad.toml" in str(caught.value)


@pytest.mark.parametrize("path", list(DEFAULT_CONFIG.parent.glob("*.toml")), ids=lambda p: p.name)
def test_every_shipped_file_can_be_read_and_written(path: Path, tmp_path: Path) -> None:
    config = DetectorConfig.read(path)
    (tmp_path / "again.toml").write_text(config.as_toml())
    assert DetectorConfig.read(tmp_path / "again.toml") == config


@pytest.mark.parametrize(
    ("section", "name", "values"),
    [
        (NetworkConfig, "rows", (0, -32, 33)),
        (NetworkConfig, "columns", (0, 16)),
        (NetworkConfig, "magnification", (0.0, -1.0, float("nan"), float("inf"))),
        (NetworkConfig, "overlap", (-0.1, 1.0)),
        (NetworkConfig, "pixel_mm", (-0.1, float("nan"))),
        (NetworkConfig, "channels", (0,)),
        (NetworkConfig, "frozen_stages", (-1,)),
        (TrainingConfig, "epochs", (0,)),
        (TrainingConfig, "batch", (0,)),
        (TrainingConfig, "warmup_steps", (0,)),
        (TrainingConfig, "learning_rate", (-1e-3, float("nan"))),
        (TrainingConfig, "ema", (-0.1, 1.0)),
        (TrainingConfig, "test", (-0.1, 1.0)),
        (TrainingConfig, "validation", (-0.1, 1.0, float("nan"))),
        (TrainingConfig, "seed", (-1,)),
        (TrainingConfig, "split_seed", (-1,)),
        (TrainingConfig, "workers", (-1,)),
        (TrainingConfig, "precision", ("float64", "")),
        (AugmentationConfig, "paste", (-0.1, 1.1)),
        (AugmentationConfig, "crop_with_mass", (1.1,)),
        (AugmentationConfig, "flip", (-0.5, 2.0)),
        (AugmentationConfig, "flatten", (1.5,)),
        (AugmentationConfig, "rotation_deg", (-1.0,)),
        (AugmentationConfig, "scale", (-0.1, float("inf"))),
        (AugmentationConfig, "noise", (-0.1,)),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(
    section: type, name: str, values: tuple[object, ...]
) -> None:
    wanted: dict[type, dict[str, object]] = {
        NetworkConfig: {"trunk": "any", "rows": 64, "columns": 32},
        TrainingConfig: {"epochs": 1, "batch": 1, "learning_rate": 0.0},
    }
    for value in values:
        with pytest.raises(ValueError, match=f"^{name} must be "):
            section(**wanted.get(section, {}) | {name: value})
