"""``mammoscope train``: models trained on the user's own data. Needs the extra [train]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mammoscope.cli import common
from mammoscope.files import DISCLAIMER

_EPILOG = f"""
**Examples**

`mammoscope train detector --data truth:phantom --out runs/phantom`

`mammoscope train detector --data cbis-square:cbis-ddsm --weights mobilenetv2.safetensors
--out runs/whole`

`mammoscope train export runs/whole --facts facts.json --out mass-whole.onnx`

{DISCLAIMER}
"""


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    train = typer.Typer(help="Train models (extra [train]).", no_args_is_help=True)
    train.command("detector", epilog=_EPILOG)(detector)
    train.command("export", epilog=_EPILOG)(export)
    app.add_typer(train, name="train")


def detector(
    data: Annotated[
        str, typer.Option(metavar="ADAPTER:PATH", help="Adapters: cbis-square, truth.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; a run in it goes on.")],
    config: Annotated[
        Path | None, typer.Option(help="TOML settings. Default: those of the shipped model.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="ImageNet weights (safetensors). Default: from scratch.")
    ] = None,
) -> None:
    """Train a mass detector; goes on where OUT holds a checkpoint.

    Writes OUT/detector.safetensors, and OUT/validation with truth.csv and epoch-NN.csv for
    `mammoscope evaluate`.
    """
    errors = common.errors_console()
    with common.fatal(errors):
        _need_extra()
        from mammoscope import datasets
        from mammoscope.training.config import DEFAULT_CONFIG, DetectorConfig
        from mammoscope.training.detector import Run, train_detector

        settings = DetectorConfig.read(config or DEFAULT_CONFIG)
        images = datasets.load(data)
        done = train_detector(settings, images, Run(out, weights, errors.print))
    typer.echo(f"Weights: {done}")


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    facts: Annotated[
        Path, typer.Option(help="JSON with what the card says: name, data, figures, limits.")
    ],
    out: Annotated[Path, typer.Option(help="NAME.onnx; the card NAME.json is put beside it.")],
) -> None:
    """Export a trained detector to ONNX, compare it with torch, and write its card."""
    with common.fatal(common.errors_console()):
        _need_extra()
        from mammoscope.training.config import DetectorConfig
        from mammoscope.training.export import export_detector, read_facts

        config = DetectorConfig.read(run / "config.toml")
        card = export_detector(config, run / "detector.safetensors", out, read_facts(facts))
    typer.echo(f"{card.weights_path}: same results as torch, sha256 {card.sha256}")


def _need_extra() -> None:
    """Say which extra is missing before anything else is done.

    Raises
    ------
    MissingExtra
        If torch or timm cannot be imported.
    """
    from importlib.util import find_spec

    from mammoscope.errors import MissingExtra

    if not (find_spec("torch") and find_spec("timm")):
        raise MissingExtra("training", "train")
