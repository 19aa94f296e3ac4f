"""``mammoscope train``: models trained on the user's own data. Needs the extra [train]."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mammoscope.cli import common
from mammoscope.cli.app import App
from mammoscope.cli.training import training_run
from mammoscope.files import DISCLAIMER

if TYPE_CHECKING:
    from mammoscope.annotations.table import AnnotatedImage
    from mammoscope.models import ModelCard

_EPILOG = f"""
**Examples**

`mammoscope train detector --data truth:phantom --out runs/phantom`

`mammoscope train detector --data cbis-ddsm:CBIS --weights mobilenetv2.safetensors --out runs/mass`

`mammoscope train detector --data truth:mine --start runs/mass/detector.safetensors --out runs/mine`

`mammoscope train folds --data cbis-ddsm:CBIS --folds 3 --out runs/folds`

`torchrun --nproc-per-node 2 $(which mammoscope) train detector --data truth:mine --out runs/mine`

`mammoscope train density --data cbis-ddsm:CBIS --weights timm --out runs/density`

`mammoscope train second-look --data cbis-ddsm:CBIS --marks runs/folds/both.csv --out runs/look`

`mammoscope train export runs/mass --facts facts.json --out mass.onnx`

`mammoscope train classifier --data cbis-ddsm:CBIS --weights mobilenetv2.safetensors --out runs/roi`

`mammoscope train compare --data cbis-ddsm:CBIS --method malignancy --method svm --out runs/compare`

{DISCLAIMER}
"""

_Data = Annotated[
    list[str],
    typer.Option(
        metavar="ADAPTER:PATH",
        help="See `mammoscope datasets list`. May be given several times: each set is split by"
        " patient on its own.",
    ),
]
_Out = Annotated[Path, typer.Option(help="Folder of the run; a run in it goes on.")]
_Config = Annotated[
    Path | None,
    typer.Option(
        help="TOML settings, or the name of shipped ones: mass, mass-all, further, centernet,"
        " retinanet."
    ),
]
_Start = Annotated[
    Path | None,
    typer.Option(
        help="detector.safetensors of an earlier run, or NAME.onnx of an exported model of the same"
        " settings, to train further from."
    ),
]
_Weights = Annotated[
    Path | None,
    typer.Option(
        help="Weights of the trunk: ImageNet's as a safetensors file, `timm` to fetch those that"
        " timm has, or detector.safetensors of a run. Default: from scratch."
    ),
]
_METHOD = (
    "A network by its settings (TOML file, or the name of shipped ones: malignancy, network,"
    " fusion, frozen, resnet, inception); svm, random-forest, adaboost or elm on hand-made"
    " features; deep-elm, on those and a trunk's; or one that another package gives."
)
_Folds = Annotated[int, typer.Option("--folds", min=2, help="Number of folds.")]
_Detected = Annotated[
    Path | None,
    typer.Option(
        metavar="CSV",
        help="Detections (image,x0,y0,x1,y1,score) of models that never saw these patients, such as"
        " both.csv of `train folds`: lesions are shown in these boxes too.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    train = App(help="Train models (extra [train]).", no_args_is_help=True)
    for command in (detector, folds, classifier, compare, density, second_look, export):
        train.command(command.__name__.replace("_", "-"), epilog=_EPILOG)(command)
    app.add_typer(train, name="train")


def _masses(specs: list[str]) -> tuple[AnnotatedImage, ...]:
    """What can be learnt from; what is wrong with the sets is told."""
    from mammoscope import datasets
    from mammoscope.annotations.table import in_short, told

    images = datasets.to_learn_from(specs)
    errors = common.errors_console()
    for note in in_short(told(images), "see mammoscope datasets check"):
        errors.print(f"Note: {common.on_one_line(note)}")
    return datasets.masses(images)


def detector(
    data: _Data,
    out: _Out,
    config: _Config = None,
    weights: _Weights = None,
    start: _Start = None,
) -> None:
    """Train a mass detector; goes on where OUT holds a checkpoint.

    Patients are split into training, validation (choices) and test (figures) parts as the settings
    say. Writes OUT/detector.onnx with its card, and for the two held-out parts truth.csv and
    whole.csv, crops.csv and both.csv for `mammoscope evaluate`.
    """
    with common.fatal(common.errors_console()):
        common.need_training()
        from mammoscope.annotations.splits import hold_out
        from mammoscope.training.config import DetectorConfig, config_file
        from mammoscope.training.detectors.detector import train_detector

        settings = DetectorConfig.read(config_file(config))
        images = _masses(data)
        t = settings.training
        parts = hold_out(images, t.test, t.validation, t.split_seed)
        with training_run(out, weights, start) as run:
            card = train_detector(settings, parts, run)
    if card is not None:
        typer.echo(f"Model: {card.path}")


def folds(
    data: _Data,
    out: _Out,
    count: _Folds = 3,
    config: _Config = None,
    weights: _Weights = None,
) -> None:
    """Cross-validate by patient: one training a fold, out-of-fold predictions for every patient.

    Writes OUT/truth.csv and OUT/whole.csv, crops.csv and both.csv for `mammoscope evaluate`.
    """
    with common.fatal(common.errors_console()):
        common.need_training()
        from mammoscope.training.config import DetectorConfig, config_file
        from mammoscope.training.detectors.detector import train_folds

        settings = DetectorConfig.read(config_file(config))
        images = _masses(data)
        with training_run(out, weights) as run:
            folder = train_folds(settings, images, count, run)
    typer.echo(f"Out-of-fold predictions: {folder / 'both.csv'}")


def classifier(
    data: _Data,
    out: _Out,
    method: Annotated[
        str, typer.Option("--method", help=_METHOD + " Default: malignancy.")
    ] = "malignancy",
    weights: _Weights = None,
    detected: _Detected = None,
) -> None:
    """Train a classifier of regions, benign or malignant; goes on where OUT holds a checkpoint.

    Writes OUT/classifier.onnx with its card, calibrated on the validation part of the patients, and
    for the two held-out parts truth.csv, annotated.csv and, with --detected, detected.csv for
    `mammoscope evaluate`.
    """
    with common.fatal(common.errors_console()):
        common.need_training()
        from mammoscope.annotations.splits import hold_out
        from mammoscope.training.classifiers.lesions import read_detected
        from mammoscope.training.classifiers.methods import find_method
        from mammoscope.training.classifiers.train import train_classifier

        way = find_method(method)
        images = _masses(data)
        t = way.split
        parts = hold_out(images, t.test, t.validation, t.split_seed)
        found = read_detected(detected, images) if detected else {}
        with training_run(out, weights) as run:
            card = train_classifier(way, parts, found, run)
    typer.echo(f"Model: {card.path}")


def compare(
    data: _Data,
    out: _Out,
    method: Annotated[
        list[str],
        typer.Option(help=_METHOD + " May be given several times."),
    ],
    count: _Folds = 3,
    weights: _Weights = None,
    detected: _Detected = None,
) -> None:
    """Cross-validate classifiers of regions by patient, all on the same folds.

    Writes for each method out-of-fold annotated.csv and detected.csv, ROC and reliability plots;
    for all of them table.csv and table.md with intervals. WEIGHTS start the networks that they
    fit; others say in the table that they were trained from scratch. {fold} in WEIGHTS stands for
    the number of the fold, as in runs/folds/fold-{fold}/detector.safetensors of `train folds`.
    """
    with common.fatal(common.errors_console()):
        common.need_training(plots=True)
        from mammoscope.training.classifiers.compare import compare as compare_methods
        from mammoscope.training.classifiers.lesions import read_detected
        from mammoscope.training.classifiers.methods import find_method

        methods = [find_method(name) for name in dict.fromkeys(method)]
        images = _masses(data)
        found = read_detected(detected, images) if detected else {}
        with training_run(out, weights) as run:
            folder = compare_methods(methods, images, count, found, run)
    typer.echo(f"Table: {folder / 'table.md'}")


def density(
    data: _Data,
    out: _Out,
    count: _Folds = 3,
    config: Annotated[
        Path | None, typer.Option(help="TOML settings. Default: those of the shipped model.")
    ] = None,
    weights: _Weights = None,
) -> None:
    """Train a model of breast density, A to D, and cross-validate it by patient.

    Images whose density is known take part, those of F, G, D tissue with the categories that it
    leaves open. Writes OUT/density.onnx, trained on all of them, with its card; OUT/density.csv
    with what models of the other folds say of each image; and their agreement with the truth.
    """
    with common.fatal(common.errors_console()):
        common.need_training()
        from mammoscope import datasets
        from mammoscope.training.config import config_file
        from mammoscope.training.density.config import DEFAULT_DENSITY, DensityConfig
        from mammoscope.training.density.train import train_density

        settings = DensityConfig.read(config_file(config, DEFAULT_DENSITY))
        images = datasets.to_learn_from(data)
        with training_run(out, weights) as run:
            card = train_density(settings, images, count, run)
    kappa = card.facts["figures"]["all"]["quadratic_kappa"]
    typer.echo(
        f"Quadratic-weighted kappa out of fold: {kappa['value']} ({kappa['low']} to"
        f" {kappa['high']}, 95 %)"
    )
    typer.echo(f"Model: {card.path}")


def second_look(
    data: _Data,
    out: _Out,
    marks: Annotated[
        list[Path],
        typer.Option(
            "--marks",
            metavar="TABLE",
            help="What a detector found: both.csv of `train folds`, or findings.csv of `detect`"
            " on images that it has not learnt from. May be given several times.",
        ),
    ],
    count: _Folds = 3,
    config: Annotated[
        Path | None, typer.Option(help="TOML settings. Default: those of the shipped model.")
    ] = None,
    weights: _Weights = None,
) -> None:
    """Train a second look at regions: a mass, or one of the things that look like one.

    It learns from masses, from marks that hit none, and from markers, lymph nodes, folds and other
    things that are drawn into the images. Writes OUT/second-look.onnx, trained on all of them, with
    its card; and OUT/truth.csv and OUT/marks.csv, with what models of the other folds make of every
    mark, for `mammoscope evaluate`.
    """
    with common.fatal(common.errors_console()):
        common.need_training()
        from mammoscope.training.config import config_file
        from mammoscope.training.marks import read_marks
        from mammoscope.training.second_look.config import DEFAULT_SECOND_LOOK, SecondLookConfig
        from mammoscope.training.second_look.train import train_second_look

        settings = SecondLookConfig.read(config_file(config, DEFAULT_SECOND_LOOK))
        images = _masses(data)
        found = {path: m for table in marks for path, m in read_marks(table, images).items()}
        with training_run(out, weights) as run:
            card = train_second_look(settings, images, found, count, run)
    typer.echo(f"Out of fold: mammoscope evaluate {out / 'marks.csv'} {out / 'truth.csv'}")
    typer.echo(f"Model: {card.path}")


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    facts: Annotated[
        Path, typer.Option(help="JSON with what the card says: name, data, figures, limits.")
    ],
    out: Annotated[Path, typer.Option(help="NAME.onnx; the card NAME.json is put beside it.")],
) -> None:
    """Write the ONNX model of any of these trainings, with a card of FACTS.

    Calibration, threshold and operating points are those of the run's own card unless FACTS has
    others. The model gives what the trained one gives: that is checked.
    """
    with common.fatal(common.errors_console()):
        common.need_training()
        from mammoscope.models import ClassifierCard, DensityCard, SecondLookCard
        from mammoscope.training.config import DetectorConfig
        from mammoscope.training.detectors.export import export_detector
        from mammoscope.training.export import copy_model, read_facts

        card: ModelCard
        kinds: dict[str, type[ModelCard]] = {
            "classifier": ClassifierCard,
            "density": DensityCard,
            "second-look": SecondLookCard,
        }
        of_run = [name for name in kinds if (run / f"{name}.json").exists()]
        if of_run:
            own = run / f"{of_run[0]}.json"
            card = copy_model(kinds[of_run[0]].read(own), out, read_facts(facts, own))
        else:
            values = read_facts(facts, run / "detector.json")
            config = DetectorConfig.read(run / "config.toml")
            card = export_detector(config, run / "detector.safetensors", out, values)
    typer.echo(f"{card.weights_path}: sha256 {card.sha256}")
