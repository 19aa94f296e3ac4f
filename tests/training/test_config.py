from __future__ import annotations

from pathlib import Path

import pytest

from mammoscope.errors import TableError
from mammoscope.training.config import (
    DEFAULT_CLASSIFIER,
    DEFAULT_CONFIG,
    AugmentationConfig,
    ClassifierConfig,
    DetectorConfig,
    NetworkConfig,
    RoiNetworkConfig,
    Settings,
    TrainingConfig,
    config_file,
)


def test_the_settings_of_the_shipped_models_can_be_read() -> None:
    for kind, path in ((DetectorConfig, DEFAULT_CONFIG), (ClassifierConfig, DEFAULT_CLASSIFIER)):
        assert kind.read(path).network.trunk == "mobilenetv2_100"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[network", "not a readable TOML"),
        ("[nettwork]", "unknown section 'nettwork'"),
        ("[network]\ntrunc = 'x'", "unknown setting 'trunc'"),
        ("[network]\ntrunk = 5", "trunk must be a valid string, got 5"),
        ("[network]\ntrunk = 'x'", "rows is missing"),
        ("network = 5", "a section is wanted, got 5"),
        ("[network]\ntrunk = 'x'\nrows = 100\ncolumns = 64", "rows must be a multiple of 32"),
        (
            "[network]\ntrunk = 'x'\nrows = true\ncolumns = 64",
            "rows must be a valid integer, got True",
        ),
        ("extends = 'bad'", "extends itself"),
        ("extends = '../{folder}/bad.toml'", "extends itself"),
        ("extends = 'base'", r"extends 'base': neither of centernet, .*mass, .* beside"),
        ("extends = 'base.toml'", r"base\.toml: not a readable TOML file"),
        ("extends = 5", "extends must be a name or a path, got 5"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_cause(tmp_path: Path, text: str, cause: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text.replace("{folder}", tmp_path.name))
    with pytest.raises(TableError, match=cause) as caught:
        DetectorConfig.read(path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("value", ["0", "1.0", "'yes'"])
def test_yes_and_no_are_no_numbers(tmp_path: Path, value: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(f"[network]\ntrunk = 'x'\nfrozen = {value}")
    with pytest.raises(TableError, match=r"bad\.toml: frozen must be a valid boolean, got"):
        ClassifierConfig.read(path)


SHIPPED: list[tuple[type[Settings], Path]] = [
    (kind, path)
    for kind, default in ((DetectorConfig, DEFAULT_CONFIG), (ClassifierConfig, DEFAULT_CLASSIFIER))
    for path in sorted(default.parent.glob("*.toml"))
]


@pytest.mark.parametrize(
    ("kind", "path"), SHIPPED, ids=[f"{path.parent.name}/{path.stem}" for _, path in SHIPPED]
)
def test_every_shipped_file_can_be_read_and_written(
    kind: type[Settings], path: Path, tmp_path: Path
) -> None:
    config = kind.read(path)
    (tmp_path / "again.toml").write_text(config.as_toml())
    assert kind.read(tmp_path / "again.toml") == config


def test_settings_take_from_others_what_they_do_not_say(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        "[network]\ntrunk = 'x'\nfrozen = true\n"
        "[training]\nepochs = 3\nbatch = 2\nlearning_rate = 0.1\n"
    )
    (tmp_path / "more.toml").write_text("extends = 'base'\n[training]\nepochs = 5\n")
    (tmp_path / "most.toml").write_text(
        "extends = 'more'\n[network]\nfrozen = false\n[augmentation]\nflip = 0.5\n"
    )
    config = ClassifierConfig.read(tmp_path / "most.toml")
    assert (config.network.trunk, config.network.frozen) == ("x", False)
    assert (config.training.epochs, config.training.batch) == (5, 2)
    assert config.augmentation.flip == 0.5
    assert config.training.seed == ClassifierConfig.read(tmp_path / "base.toml").training.seed


@pytest.mark.parametrize(
    ("name", "epochs"), [("mass", 20), ("mass.toml", 3), ("./mass", 3), ("sub/mass.toml", 4)]
)
def test_shipped_settings_are_extended_by_name_and_files_by_path(
    tmp_path: Path, name: str, epochs: int
) -> None:
    """Wherever the user's file lies, and whatever lies beside it."""
    text = DEFAULT_CONFIG.read_text()
    for file, count in (("mass", 3), ("mass.toml", 3), ("sub/mass.toml", 4)):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text.replace("epochs = 20", f"epochs = {count}"))
    (tmp_path / "mine.toml").write_text(f'extends = "{name}"\n[network]\nchannels = 32\n')
    config = DetectorConfig.read(tmp_path / "mine.toml")
    assert (config.training.epochs, config.network.channels) == (epochs, 32)
    assert config.network.trunk == DetectorConfig.read(DEFAULT_CONFIG).network.trunk


def test_a_section_takes_the_place_of_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("network = 5\n")
    (tmp_path / "more.toml").write_text("extends = 'base'\n[network]\ntrunk = 'x'\n")
    with pytest.raises(TableError, match=r"more\.toml: .*missing"):
        ClassifierConfig.read(tmp_path / "more.toml")


def test_settings_are_a_file_a_shipped_name_or_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert config_file(None) == DEFAULT_CONFIG
    assert config_file(Path("centernet")) == DEFAULT_CONFIG.with_name("centernet.toml")
    assert config_file(None, DEFAULT_CLASSIFIER) == DEFAULT_CLASSIFIER
    mine = tmp_path / "folder" / "mine.toml"
    assert config_file(mine) == mine
    assert config_file(Path("folder/mine.toml")) == Path("folder/mine.toml")
    Path("retinanet").mkdir()
    assert config_file(Path("retinanet")) == DEFAULT_CONFIG.with_name("retinanet.toml")
    Path("centernet").write_text("")
    assert config_file(Path("centernet")) == Path("centernet")


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
        (RoiNetworkConfig, "side", (0, -1)),
        (RoiNetworkConfig, "margin", (0.9, float("nan"), float("inf"))),
        (RoiNetworkConfig, "frozen_stages", (-1,)),
        (RoiNetworkConfig, "dropout", (-0.1, 1.0)),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(
    section: type, name: str, values: tuple[object, ...]
) -> None:
    wanted: dict[type, dict[str, object]] = {
        NetworkConfig: {"trunk": "any", "rows": 64, "columns": 32},
        TrainingConfig: {"epochs": 1, "batch": 1, "learning_rate": 0.0},
        RoiNetworkConfig: {"trunk": "any"},
    }
    for value in values:
        with pytest.raises(ValueError, match=f"error for .*\n{name}\n  Input should be "):
            section(**wanted.get(section, {}) | {name: value})
