"""Settings of a training run, read from a TOML file."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, get_type_hints

from mammoscope.errors import TableError

_CONFIGS = Path(__file__).parent / "configs"

DEFAULT_CONFIG = _CONFIGS / "detectors" / "mass.toml"
"""Settings of the shipped detector; of its first stage, where it was trained further."""

DEFAULT_CLASSIFIER = _CONFIGS / "classifiers" / "malignancy.toml"
"""Settings of the shipped classifier."""

Section = TypeVar("Section")

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
"""What a network can be trained in."""

_RULES: dict[str, Callable[[float], bool]] = {
    "at least 0": lambda value: 0 <= value < math.inf,
    "at least 1": lambda value: 1 <= value < math.inf,
    "above 0": lambda value: 0 < value < math.inf,
    "from 0 to 1": lambda value: 0 <= value <= 1,
    "at least 0 and below 1": lambda value: 0 <= value < 1,
    "a multiple of 32, the trunk's coarsest stride": lambda value: value > 0 and value % 32 == 0,
}
"""What a setting must be; none holds for NaN."""


@dataclass(frozen=True)
class NetworkConfig:
    """The network, and the pictures it takes.

    Parameters
    ----------
    family
        ``"centernet"``, ``"fcos"``, ``"retinanet"``, or one that another package gives.
    trunk
        A timm feature extractor with strides 8, 16 and 32.
    rows, columns
        Size of a picture in pixels, for both paths.
    magnification
        The crops path cuts its pictures from the breast fitted to this many times that size.
    overlap
        Share of a side that neighbouring crops have in common at least, in use.
    pixel_mm
        About how large a pixel is on the crops path: images of known spacing are looked at so. 0
        where nothing is known of the training data's spacing.
    channels
        Width of the feature pyramid.
    frozen_stages
        Stem and first stages of the trunk that keep their weights.
    pad_type
        ``"same"`` for trunks whose ImageNet graph was padded so.
    anchors
        Of ``"retinanet"``: ``"kmeans"`` of the training boxes, or ``"default"``.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    trunk: str
    rows: int
    columns: int
    family: str = "centernet"
    magnification: float = 2.0
    overlap: float = 0.25
    pixel_mm: float = 0.0
    channels: int = 96
    frozen_stages: int = 0
    pad_type: str = ""
    anchors: str = "kmeans"

    def __post_init__(self) -> None:
        _need(self, "a multiple of 32, the trunk's coarsest stride", "rows", "columns")
        _need(self, "above 0", "magnification")
        _need(self, "at least 0 and below 1", "overlap")
        _need(self, "at least 0", "pixel_mm", "frozen_stages")
        _need(self, "at least 1", "channels")


@dataclass(frozen=True)
class TrainingConfig:
    """The run: length, optimiser, split and seed.

    Parameters
    ----------
    test
        Share of the patients kept for the figures that are reported.
    validation
        Share of the other patients kept for choices: calibration, fusion, threshold.
    seed, split_seed
        Of the network's start and the pictures; of who is held out.
    least_share
        A source with a smaller share of the training images is shown several times an epoch, as
        often as brings it nearest to this share.
    trunk_share
        The trunk learns at this share of the learning rate.
    precision
        ``"float32"``, or mixed with it ``"bfloat16"`` or ``"float16"`` (on GPUs only); ``"auto"``
        is bfloat16 where the device has instructions for it and float32 elsewhere.
    workers
        Processes that prepare pictures beside the one that trains.

    Raises
    ------
    ValueError
        If a number is out of range, or the precision unknown.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float = 0.05
    warmup_steps: int = 300
    ema: float = 0.998
    trunk_share: float = 0.5
    least_share: float = 0.0
    test: float = 0.15
    validation: float = 0.1
    seed: int = 0
    split_seed: int = 0
    precision: str = "float32"
    workers: int = 1

    def __post_init__(self) -> None:
        _need(self, "at least 1", "epochs", "batch", "warmup_steps")
        _need(self, "at least 0", "learning_rate", "weight_decay", "seed", "split_seed", "workers")
        _need(self, "at least 0 and below 1", "ema", "test", "validation")
        _need(self, "from 0 to 1", "trunk_share", "least_share")
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}"
            )


@dataclass(frozen=True)
class AugmentationConfig:
    """How far pictures are changed; 0 turns a change off.

    ``paste`` is the share of pictures in which it is tried to put a mass of another breast; where
    no room is found the picture stays as it is. ``crop_with_mass`` is the share of crops taken
    around a mass; the others lie anywhere in the breast. ``lookalikes`` is the share of pictures
    with things drawn into them that look like masses and are none; ``local`` is how far contrast is
    made alike all over at most.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    paste: float = 0.0
    crop_with_mass: float = 0.5
    lookalikes: float = 0.0
    flip: float = 0.0
    rotation_deg: float = 0.0
    scale: float = 0.0
    aspect: float = 0.0
    shift: float = 0.0
    gamma: float = 0.0
    contrast: float = 0.0
    flatten: float = 0.0
    local: float = 0.0
    sharpen: float = 0.0
    noise: float = 0.0
    blur_px: float = 0.0

    def __post_init__(self) -> None:
        _need(self, "from 0 to 1", "paste", "crop_with_mass", "flip", "shift", "flatten")
        _need(self, "from 0 to 1", "lookalikes", "local")
        _need(self, "at least 0", "rotation_deg", "scale", "aspect", "gamma", "contrast")
        _need(self, "at least 0", "sharpen", "noise", "blur_px")


@dataclass(frozen=True)
class Settings:
    """Everything that a training is told, but the data: sections of settings."""

    shipped: ClassVar[Path]
    """Folder of settings that come with the package; each is known by its name."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a TOML file with a section for each field.

        ``extends`` at its top takes what the file does not say from others: shipped ones by their
        name (``"mass"``), or a file by its path from this one (``"base.toml"``).

        Raises
        ------
        TableError
            If the file cannot be read, or a setting is unknown, missing, of the wrong kind or out
            of range.
        """
        values = _values(path, cls.shipped)
        kinds = {field.name: get_type_hints(cls)[field.name] for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - set(kinds)):
            raise TableError(path, f"unknown section {unknown[0]!r}")
        return cls(**{n: _section(path, kind, values.get(n, {})) for n, kind in kinds.items()})

    def as_toml(self) -> str:
        """The settings as a TOML file that :meth:`read` reads."""
        lines = []
        for section, values in self.as_dict().items():
            lines.append(f"[{section}]")
            lines.extend(f"{name} = {json.dumps(value)}" for name, value in values.items())
        return "\n".join(lines) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class DetectorConfig(Settings):
    """A detector's training."""

    shipped = DEFAULT_CONFIG.parent

    network: NetworkConfig
    training: TrainingConfig
    augmentation: AugmentationConfig


@dataclass(frozen=True)
class RoiNetworkConfig:
    """A classifier of regions, and the pictures that it takes.

    Parameters
    ----------
    trunk
        A timm network.
    side, margin
        Squares of ``side`` pixels, ``margin`` times as long as the region's longer side.
    features
        Also take the hand-made features of shape, texture and density.
    frozen
        Keep the whole trunk as it is: only what is put on it learns.
    frozen_stages
        Stem and first stages of the trunk that keep their weights.
    pad_type
        ``"same"`` for trunks whose ImageNet graph was padded so.
    dropout
        Share of the trunk's channels left out in a step.
    beside
        Classical method that is asked, too, on hand-made features and those of the trunk as it
        starts; ``""`` for none.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    trunk: str
    side: int = 192
    margin: float = 1.6
    features: bool = False
    frozen: bool = False
    frozen_stages: int = 0
    pad_type: str = ""
    dropout: float = 0.2
    beside: str = ""

    def __post_init__(self) -> None:
        _need(self, "at least 1", "side", "margin")
        _need(self, "at least 0", "frozen_stages")
        _need(self, "at least 0 and below 1", "dropout")


@dataclass(frozen=True)
class ClassifierConfig(Settings):
    """A classifier's training."""

    shipped = DEFAULT_CLASSIFIER.parent

    network: RoiNetworkConfig
    training: TrainingConfig
    augmentation: AugmentationConfig


def _values(path: Path, shipped: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The sections of a file, and under them those of the file that it extends."""
    if path.resolve() in above:
        raise TableError(path, "extends itself")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TableError(path, f"not a readable TOML file: {error}") from error
    if "extends" not in values:
        return values
    below = _extended(path, values.pop("extends"), shipped)
    sections = _values(below, shipped, (*above, path.resolve()))
    for name, section in values.items():
        under = sections.get(name)
        both = isinstance(section, dict) and isinstance(under, dict)
        sections[name] = under | section if both else section
    return sections


def _extended(path: Path, name: object, shipped: Path) -> Path:
    """The file that ``extends = NAME`` in ``path`` means.

    A name alone means shipped settings, whatever lies beside the file.
    """
    if not isinstance(name, str):
        raise TableError(path, f"extends must be a name or a path, got {name!r}")
    if name.endswith(".toml") or Path(name).name != name:
        return path.parent / name
    below = shipped / f"{name}.toml"
    if below.is_file():
        return below
    beside = path.parent / f"{name}.toml"
    if beside.is_file():
        return beside
    known = ", ".join(sorted(file.stem for file in shipped.glob("*.toml")))
    raise TableError(path, f"extends {name!r}: neither of {known} nor a file {beside.name} beside")


def _need(settings: object, rule: str, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not _RULES[rule](value):
            raise ValueError(f"{name} must be {rule}, got {value!r}")


def _section(path: Path, kind: type[Section], values: Any) -> Section:
    if not isinstance(values, dict):
        raise TableError(path, f"a section is wanted, got {values!r}")
    kinds = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
    fields = {field.name: str(field.type) for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name, value in values.items():
        if name not in fields:
            raise TableError(path, f"unknown setting {name!r}")
        is_bool = isinstance(value, bool)
        if not isinstance(value, kinds[fields[name]]) or is_bool != (fields[name] == "bool"):
            raise TableError(path, f"{name} must be of kind {fields[name]}, got {value!r}")
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise TableError(path, str(error).replace("__init__() ", "")) from error


def config_file(given: Path | None, default: Path = DEFAULT_CONFIG) -> Path:
    """The settings to read: a file, the name of one shipped beside the default, or the default."""
    if given is None:
        return default
    shipped = default.parent / f"{given}.toml"
    return shipped if not given.is_file() and shipped.is_file() else given
