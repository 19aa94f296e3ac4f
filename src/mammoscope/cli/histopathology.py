"""``mammoscope histopathology``: fields of stained breast tissue, benign or malignant."""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mammoscope.cli import common
from mammoscope.cli.app import App
from mammoscope.cli.training import training_run
from mammoscope.errors import InputError
from mammoscope.files import DISCLAIMER, check_file

_EPILOG = f"""
**Examples**

`mammoscope histopathology predict fields/ --out opinions.csv --heat heat`

`mammoscope histopathology benchmark --data BreaKHis_v1 --magnification 100 --out runs/tissue`

`mammoscope histopathology benchmark --data BreaKHis_v1 --magnification 100 --normalise
--out runs/normalised`

`mammoscope histopathology benchmark --data mine --malignant invasive --patients patients.csv
--method svm --method ours --weights mobilenetv2_100=mobilenetv2.safetensors --out runs/mine`

`mammoscope histopathology train --benchmark runs/tissue --out runs/model`

{common.EXIT_CODES} {DISCLAIMER}
"""


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    commands = App(
        help="Breast histopathology (H&E): compare methods, train, predict.", no_args_is_help=True
    )
    for command in (benchmark, train, predict):
        commands.command(command.__name__, epilog=_EPILOG)(command)
    app.add_typer(commands, name="histopathology")


def benchmark(  # noqa: PLR0913  # typer: one parameter an option
    data: Annotated[
        Path, typer.Option(help="Folder: BreaKHis, whole or in part, or a folder for each class.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the comparison; one in it goes on.")],
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="random-forest, kmeans-gmm, svm, resnet-inception, cnn, ours, or the plain network"
            " with another activation such as cnn-gelu. May be given several times. Default: all."
        ),
    ] = None,
    malignant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS",
            help="Which classes are malignant, where they are not called benign and malignant.",
        ),
    ] = None,
    patients: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="image,patient_id with paths in DATA, for folders of classes."
        ),
    ] = None,
    magnification: Annotated[
        list[int] | None,
        typer.Option(help="Only images of BreaKHis of this magnification, such as 100."),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Number of folds.")] = 5,
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="By patient: leave each out in turn.")
    ] = False,
    official: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="By patient: BreaKHis's own folds, dsfold1.txt ... in this folder."
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE",
            help="ImageNet weights (safetensors, timm's names) of mobilenetv2_100, resnet18 or"
            " inception_v3. Others are fetched by timm; where that fails, the table says so.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML settings of ours. Default: the shipped ones.")
    ] = None,
    normalise: Annotated[
        bool,
        typer.Option(
            "--normalise",
            help="Bring the stains of every image to the same colours and strengths first.",
        ),
    ] = False,
) -> None:
    """Compare methods, benign or malignant and by subtype, by image and by patient.

    Writes OUT/table.csv (protocol, task, method, metric, value, low, high), table.md, chart.png and
    activations.png. Each fold that is done is kept: run the same command again to go on. By image
    is what most papers report, and optimistic; by patient is what counts.
    """
    with common.fatal(common.errors_console()):
        common.need_training(plots=True)
        from mammoscope.histopathology.comparison.benchmark import benchmark as compare
        from mammoscope.histopathology.comparison.config import (
            DEFAULT_CNN,
            DEFAULT_FUSED,
            CnnSettings,
            FusedSettings,
        )
        from mammoscope.histopathology.comparison.methods import NAMES, all_methods
        from mammoscope.histopathology.comparison.setup import Setup

        wanted = method or NAMES
        if unknown := [name for name in wanted if name not in NAMES]:
            raise typer.BadParameter(f"no method {unknown[0]!r}; there are {', '.join(NAMES)}")
        if leave_one_out and official:
            raise typer.BadParameter("--official and --leave-one-out are two ways to split")
        if official and not official.is_dir():
            raise InputError(official, "no such folder")
        setup = Setup(
            str(data),
            malignant or [],
            str(patients) if patients else None,
            magnification or [],
            folds,
            leave_one_out,
            str(official) if official else None,
            _by_name(weights or []),
            str(config) if config else None,
            normalise,
        )
        report = common.errors_console().print
        cnn, fused = CnnSettings.read(DEFAULT_CNN), FusedSettings.read(DEFAULT_FUSED)
        _check_weights(setup.files(), {setup.settings().network.trunk, *fused.network.trunks})
        tissue = setup.tissue()
        protocols = setup.protocols(tissue)
        methods = all_methods(setup.regions, cnn, fused, setup.files(), wanted, report)
        setup.write(out)
        with training_run(out) as run:
            results = compare(tissue, protocols, methods, run, normalise)
    typer.echo(f"Table: {out / 'table.md'}")
    typer.echo(results.cost_in_words)
    typer.echo(DISCLAIMER)


def train(
    benchmark: Annotated[
        Path, typer.Option(help="OUT of `benchmark`, in which ours by patient is done.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; a run in it goes on.")],
    facts: Annotated[
        Path | None,
        typer.Option(help="JSON with what the card says: name, version, training_data, limits."),
    ] = None,
) -> None:
    """Train ours on all patients of a comparison's set, for `predict`; goes on in OUT.

    Writes OUT/histopathology.onnx and its card. Calibration and figures in the card are of the
    comparison's models, on patients that those had not seen.
    """
    with common.fatal(common.errors_console()):
        common.need_training()
        from mammoscope.histopathology.comparison.setup import Setup
        from mammoscope.histopathology.comparison.shipped import read_facts, train_shipped

        with training_run(out) as run:
            card = train_shipped(Setup.read(benchmark), benchmark, read_facts(facts, out.name), run)
    typer.echo(f"Model: {card.path}")
    typer.echo(card.figure)


def predict(
    paths: common.Paths,
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    heat: Annotated[
        Path | None, typer.Option(help="Folder for pictures of where a field looks malignant.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Card (JSON) of another model. Default: the shipped one.")
    ] = None,
    magnification: Annotated[
        int | None,
        typer.Option(min=1, help="Of the fields, such as 100, where their names do not say it."),
    ] = None,
    workers: common.Workers = common.DEFAULT_WORKERS,
) -> None:
    """Benign or malignant: image, label, p_malignant and warnings for each field.

    An image that cannot be stained with haematoxylin and eosin gets a warning and no probability.
    """
    errors = common.errors_console()
    with common.fatal(errors):
        from mammoscope.histopathology import TissueClassifier
        from mammoscope.histopathology.run import run_tissue
        from mammoscope.models import HistopathologyCard, find_card
        from mammoscope.reading import find_images

        card = find_card(HistopathologyCard, model)
        classifier = TissueClassifier(card)
        found = find_images(paths, passing_over=heat, name_by_folder=True)
        with common.progress_bar(len(found.paths), "Looking at fields") as bar:
            progress = partial(bar.advance, bar.task_ids[0])
            run = run_tissue(classifier, found, out, heat, workers, progress, magnification)
    common.print_failures(errors, run.failures)
    if found.ignored:
        kinds = ", ".join(sorted({path.suffix.lower() or "no ending" for path in found.ignored}))
        errors.print(f"{len(found.ignored)} other files passed over: {kinds}", markup=False)
    typer.echo(f"{run.judged} of {len(found.paths)} images: {common.on_one_line(out)}")
    typer.echo(card.figure)
    typer.echo(DISCLAIMER)
    if run.failures:
        raise typer.Exit(1)


def _check_weights(files: Mapping[str, Path], trunks: Set[str]) -> None:
    for name, path in files.items():
        if name not in trunks:
            known = ", ".join(sorted(trunks))
            raise typer.BadParameter(f"--weights {name}=...: there are {known}")
        check_file(path)


def _by_name(weights: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in weights]
    if wrong := next((name for name, equals, _ in pairs if not equals), None):
        raise typer.BadParameter(f"--weights {wrong!r}: NAME=FILE is wanted")
    return {name: path for name, _, path in pairs}
