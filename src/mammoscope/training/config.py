"""Settings of a training run, read from a TOML file."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_type_hints

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from mammoscope.errors import TableError
from mammoscope.files import read_file, real_path

CONFIGS = Path(__file__).parent / "configs"
"""Where shipped settings lie, a folder for each kind."""

DEFAULT_CONFIG = CONFIGS / "detectors" / "mass.toml"
"""Settings of the shipped detector; of its first stage, where it was trained further."""

DEFAULT_CLASSIFIER = CONFIGS / "classifiers" / "malignancy.toml"
"""Settings of the shipped classifier."""

Section = TypeVar("Section")

STRICT = ConfigDict(strict=True, extra="forbid")
"""Of a section: values of the kinds that its fields say, and no others."""

Stride32 = Annotated[int, Field(gt=0, multiple_of=32)]
"""A length in pixels that the trunk's coarsest stride divides."""

Whole = Annotated[int, Field(ge=0)]
Counted = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
AtLeastOne = Annotated[float, Field(ge=1, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
PartialShare = Annotated[float, Field(ge=0, lt=1)]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, config=STRICT)
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
        If a value is of the wrong kind or out of range.
    """

    trunk: str
    rows: Stride32
    columns: Stride32
    family: str = "centernet"
    magnification: Positive = 2.0
    overlap: PartialShare = 0.25
    pixel_mm: NotNegative = 0.0
    channels: Counted = 96
    frozen_stages: Whole = 0
    pad_type: str = ""
    anchors: str = "kmeans"


@dataclass(frozen=True, config=STRICT)
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
        If a value is of the wrong kind or out of range.
    """

    epochs: Counted
    batch: Counted
    learning_rate: NotNegative
    weight_decay: NotNegative = 0.05
    warmup_steps: Counted = 300
    ema: PartialShare = 0.998
    trunk_share: Share = 0.5
    least_share: Share = 0.0
    test: PartialShare = 0.15
    validation: PartialShare = 0.1
    seed: Whole = 0
    split_seed: Whole = 0
    precision: Precision = "float32"
    workers: Whole = 1


@dataclass(frozen=True, config=STRICT)
class PictureConfig:
    """How far any picture is changed; 0 turns a change off.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of range.
    """

    scale: NotNegative = 0.0
    blur_px: NotNegative = 0.0


@dataclass(frozen=True, config=STRICT)
class AugmentationConfig(PictureConfig):
    """How far pictures of a breast are changed.

    ``paste`` is the share of pictures in which it is tried to put a mass of another breast; where
    no room is found the picture stays as it is. ``crop_with_mass`` is the share of crops taken
    around a mass; the others lie anywhere in the breast. ``lookalikes`` is the share of pictures
    with things drawn into them that look like masses and are none; ``local`` is how far contrast is
    made alike all over at most.
    """

    paste: Share = 0.0
    crop_with_mass: Share = 0.5
    lookalikes: Share = 0.0
    flip: Share = 0.0
    rotation_deg: NotNegative = 0.0
    aspect: NotNegative = 0.0
    shift: Share = 0.0
    gamma: NotNegative = 0.0
    contrast: NotNegative = 0.0
    flatten: Share = 0.0
    local: Share = 0.0
    sharpen: NotNegative = 0.0
    noise: NotNegative = 0.0


@dataclasses.dataclass(frozen=True)
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


@dataclasses.dataclass(frozen=True)
class DetectorConfig(Settings):
    """A detector's training."""

    shipped = DEFAULT_CONFIG.parent

    network: NetworkConfig
    training: TrainingConfig
    augmentation: AugmentationConfig


@dataclass(frozen=True, config=STRICT)
class TrunkConfig:
    """A network that knows ImageNet, and what of it learns.

    Parameters
    ----------
    trunk
        A timm network.
    frozen_stages
        Stem and first stages of the trunk that keep their weights.
    pad_type
        ``"same"`` for trunks whose ImageNet graph was padded so.
    dropout
        Share of the trunk's channels left out in a step.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of range.
    """

    trunk: str
    frozen_stages: Whole = 0
    pad_type: str = ""
    dropout: PartialShare = 0.0


@dataclass(frozen=True, config=STRICT)
class RoiNetworkConfig(TrunkConfig):
    """A classifier of regions, and the pictures that it takes.

    Parameters
    ----------
    side, margin
        Squares of ``side`` pixels, ``margin`` times as long as the region's longer side.
    features
        Also take the hand-made features of shape, texture and density.
    frozen
        Keep the whole trunk as it is: only what is put on it learns.
    beside
        Classical method that is asked, too, on hand-made features and those of the trunk as it
        starts; ``""`` for none.
    """

    dropout: PartialShare = 0.2
    side: Counted = 192
    margin: AtLeastOne = 1.6
    features: bool = False
    frozen: bool = False
    beside: str = ""


@dataclasses.dataclass(frozen=True)
class ClassifierConfig(Settings):
    """A classifier's training."""

    shipped = DEFAULT_CLASSIFIER.parent

    network: RoiNetworkConfig
    training: TrainingConfig
    augmentation: AugmentationConfig


def _values(path: Path, shipped: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The sections of a file, and under them those of the file that it extends."""
    if real_path(path) in above:
        raise TableError(path, "extends itself")
    try:
        values = tomllib.loads(read_file(path).decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TableError(path, f"not a readable TOML file: {error}") from error
    if "extends" not in values:
        return values
    below = _extended(path, values.pop("extends"), shipped)
    sections = _values(below, shipped, (*above, real_path(path)))
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


def _section(path: Path, kind: type[Section], values: Any) -> Section:
    if not isinstance(values, dict):
        raise TableError(path, f"a section is wanted, got {values!r}")
    try:
        return kind(**values)
    except ValidationError as error:
        raise TableError(path, _cause(error)) from error


def _cause(error: ValidationError) -> str:
    """In one line the first that is wrong; what is unknown may be another's name misspelt."""
    every = error.errors(include_url=False)
    unknown = [each for each in every if each["type"] == "unexpected_keyword_argument"]
    first = (unknown or every)[0]
    name = ".".join(map(str, first["loc"]))
    if unknown:
        return f"unknown setting {name!r}"
    if first["type"] == "missing":
        return f"{name} is missing"
    if first["type"] == "value_error":
        return first["msg"].removeprefix("Value error, ")
    return f"{first['msg'].replace('Input should', f'{name} must')}, got {first['input']!r}"


def config_file(given: Path | None, default: Path = DEFAULT_CONFIG) -> Path:
    """The settings to read: a file, the name of one shipped beside the default, or the default."""
    if given is None:
        return default
    shipped = default.parent / f"{given}.toml"
    return shipped if not given.is_file() and shipped.is_file() else given
