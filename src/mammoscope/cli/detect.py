"""``mammoscope detect``: masses marked on mammograms."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from mammoscope.cli import common
from mammoscope.files import DISCLAIMER

if TYPE_CHECKING:
    from mammoscope.errors import InputError
    from mammoscope.runs import DetectionRun, Shard
    from mammoscope.runs.engines import Engine
    from mammoscope.types import ImageResult

_EPILOG = f"""
**Examples**

`mammoscope detect study/ --out results`

`mammoscope detect scans/*.png --metadata scans.csv --out results`

`mammoscope detect DICOMDIR --out results --workers 4 --json > run.json`

`mammoscope detect study/ --dicom sr,gsps --out results    # and objects for a viewer`

`mammoscope detect study/ --deidentify --dicom sr --out results    # to be given away`

`mammoscope detect study/ --paths whole --out results     # faster, misses more small masses`

`mammoscope detect screening/ --out results --resume    # go on with a run that was ended`

`mammoscope detect screening/ --out results --shard 2/16    # then mammoscope merge`

`mammoscope detect study/ --output json,table --out results    # no pictures, no report`

`mammoscope detect s3://bucket/screening --out s3://bucket/results    # extra [cloud]`

{common.EXIT_CODES} {DISCLAIMER}
"""


_MOST_LISTED = 1000
"""Images of which the findings are listed on the terminal."""

_STANDARD = ("json", "overlay", "report", "table")


class EngineChoice(StrEnum):
    """What ``--engine`` takes."""

    auto = "auto"
    threads = "threads"
    processes = "processes"
    ray = "ray"


class PathsChoice(StrEnum):
    """What ``--paths`` takes."""

    whole = "whole"
    crops = "crops"
    both = "both"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("detect", epilog=_EPILOG)(command)


def command(  # noqa: PLR0913  # typer: one parameter an option
    paths: common.Paths,
    out: common.AnyOut,
    metadata: common.Metadata = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Score from which a region is shown. Default: the model's."
        ),
    ] = None,
    model: common.DetectorModel = None,
    classifier: common.ClassifierModel = None,
    classify: common.Classify = True,
    second_look: common.SecondLookModel = None,
    paths_: Annotated[
        PathsChoice | None,
        typer.Option(
            "--paths",
            help="Look at the whole breast at low resolution, at overlapping crops, or both. "
            "Default: the most that the model can do.",
        ),
    ] = None,
    remove_pectoral: Annotated[
        bool, typer.Option("--remove-pectoral", help="Blacken the pectoral muscle on MLO views.")
    ] = False,
    dicom: Annotated[
        str,
        typer.Option(
            help="DICOM objects to write to OUT/dicom: any of sr, sr1500, gsps and sc, with commas."
        ),
    ] = "",
    output: Annotated[
        str,
        typer.Option(
            "--output",
            help="What to write beside run.json: any of json (NAME.json), overlay (NAME.png), "
            "report, table (findings.csv), parquet (findings and images), and what other packages "
            "add, with commas.",
        ),
    ] = ",".join(_STANDARD),
    deidentify: Annotated[
        bool,
        typer.Option(
            "--deidentify",
            help="Look at copies in OUT/images that do not say whose they are; DICOM files only.",
        ),
    ] = False,
    voi: common.VoiOption = common.VoiChoice.auto,
    any_modality: common.AnyModality = False,
    polarity: common.PolarityOption = common.PolarityChoice.auto,
    max_pixels: common.MaxPixels = common.DEFAULT_MAX_PIXELS,
    names: common.Names = "off",
    name_by_folder: common.NameByFolder = True,
    workers: common.Workers = common.DEFAULT_WORKERS,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with a run: keep results in OUT of the same bytes, models, options and"
            " version, do the rest.",
        ),
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Do one of N parts of the run, into the same OUT; then mammoscope merge OUT.",
        ),
    ] = None,
    engine: Annotated[
        EngineChoice,
        typer.Option(
            help="Where images are looked at: threads of this process, processes of this machine"
            " (one that dies costs a retry), or actors of Ray. auto: processes where there are"
            " many images."
        ),
    ] = EngineChoice.auto,
    address: Annotated[
        str | None,
        typer.Option(help="Of a Ray cluster, such as ray://head:10001. Default: Ray here."),
    ] = None,
    report_studies: Annotated[
        int,
        typer.Option(
            min=0,
            help="Of more than 1000 studies so many have a page in the report, the most"
            " suspicious; the index lists all.",
        ),
    ] = 200,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print run.json instead of text.")
    ] = False,
) -> None:
    """Mark masses on mammograms: DICOM, PNG, TIFF, PGM or JPEG.

    Writes for each image NAME.json (findings in source pixels) and NAME.png (marks drawn), and
    report.html, findings.csv and run.json for all of them.
    """
    kinds, chosen = common.dicom_kinds(dicom), common.output_names(output)
    if deidentify and metadata is not None:
        raise typer.BadParameter("--metadata may name patients: not together with --deidentify")
    if deidentify and (resume or shard):
        raise typer.BadParameter("--deidentify makes new copies: not with --resume or --shard")
    if shard is not None and as_json:
        raise typer.BadParameter("there is no run.json of a part: not --json with --shard")
    if address is not None and engine is not EngineChoice.ray:
        raise typer.BadParameter("--address is of a Ray cluster: --engine ray")
    from mammoscope.deidentification import Pseudonyms, deidentify_images
    from mammoscope.locations import is_remote, located
    from mammoscope.pipeline import Pipeline, PipelineOptions
    from mammoscope.preprocessing import PreprocessOptions
    from mammoscope.reading import find_images
    from mammoscope.results import Failure, RunSummary, run_json
    from mammoscope.runs import Going, make_outputs, run_detection, run_folder, run_shard

    if deidentify and any(is_remote(place) for place in (*paths, str(out))):
        raise typer.BadParameter("--deidentify is for folders of this machine")
    out, part = located(out), _shard(shard)
    errors = common.errors_console()
    reading = common.read_options(voi, any_modality, polarity, max_pixels, names)
    with common.fatal(errors):
        outputs = make_outputs(chosen, kinds, report_studies)
        going = Going(resume, _engine(engine, workers, address), anonymous=deidentify)
        found = find_images(paths, out, name_by_folder)
        uncopied: list[InputError] = []
        if deidentify:
            asked = len(found.paths)
            # An earlier run must not speak for these copies.
            with run_folder(out, RunSummary("detect")):
                found, uncopied = deidentify_images(
                    found.paths, out / "images", Pseudonyms.from_environment(), reading
                )
            if twins := asked - len(found.paths) - len(uncopied):
                errors.print(f"Note: {twins} files hold the bytes of another one: read once.")
        pipeline = Pipeline(
            PipelineOptions(
                reading=reading,
                preprocessing=PreprocessOptions(remove_pectoral=remove_pectoral),
                metadata=common.read_metadata(metadata),
                detector_card=model,
                classifier_card=classifier,
                second_look_card=second_look,
                classify=classify,
                threshold=threshold,
                paths=paths_.value if paths_ else None,
                threads=max(1, workers // max(1, len(found.paths))),
            )
        )
        with common.progress_bar(len(found.paths), "Reading mammograms") as bar:
            step = partial(bar.advance, bar.task_ids[0])
            if part is not None:
                bar.update(bar.task_ids[0], total=len(found.paths) // part.of)
                did = run_shard(pipeline, found, out, part, workers, step, outputs, going)
            else:
                run = run_detection(pipeline, found, out, workers, step, outputs, going)
    if part is not None:
        common.print_failures(errors, did.failures)
        typer.echo(f"Part {shard}: {did.images} images; {len(did.failures)} files failed.")
        if did.failures:
            raise typer.Exit(1)
        return
    common.print_failures(errors, (Failure.of(error, error.path) for error in uncopied))
    common.print_failures(errors, run.summary.failures)
    for note in run.summary.notes:
        errors.print(f"Note: {common.on_one_line(note)}")
    if as_json:
        typer.echo(json.dumps(run_json(run.summary), indent=2))
    else:
        _print(run, out, "report" in chosen)
    if uncopied or run.summary.failures or run.unwritten:
        raise typer.Exit(1)


def _shard(text: str | None) -> Shard | None:
    from mammoscope.runs import Shard

    try:
        return None if text is None else Shard.of_text(text)
    except ValueError as error:
        raise typer.BadParameter(f"--shard {error}") from error


def _engine(choice: EngineChoice, workers: int, address: str | None) -> Engine | None:
    from mammoscope.runs.engines import LocalProcesses, LocalThreads, RayActors

    if choice is EngineChoice.ray:
        return RayActors(workers, address)
    if choice is EngineChoice.auto:
        return None
    return LocalProcesses(workers) if choice is EngineChoice.processes else LocalThreads(workers)


def _print(run: DetectionRun, out: Path, reported: bool) -> None:
    console = Console(highlight=False, width=common.wide())
    shown = sum(image.findings_shown or 0 for image in run.summary.images)
    if shown and len(run.results) <= _MOST_LISTED:
        table = Table(title="Findings, best first on each image")
        for column in ("Image", "Breast", "View"):
            table.add_column(column, overflow="fold")
        for column in ("Score", "P(mal)", "x0", "y0", "x1", "y1", "Size"):
            table.add_column(column, justify="right")
        for result in run.results:
            _add_rows(table, result)
        console.print(table)
    console.print(
        f"{common.counted(shown, 'finding')} on {common.counted(len(run.results), 'image')};"
        f" {common.counted(len(run.summary.failures), 'file')} failed.",
        soft_wrap=True,
    )
    places = [("Report: ", out / "report.html")] if reported else []
    for what, place in (*places, ("Results:", out)):
        console.print(f"{what} {common.on_one_line(place)}", markup=False, soft_wrap=True)
    console.print(DISCLAIMER, style="dim")


def _add_rows(table: Table, result: ImageResult) -> None:
    from rich.text import Text

    mm = result.frame.spacing_mm
    found = result.shown
    for box, score, p in zip(found.boxes, found.scores, found.p_malignant, strict=True):
        size = "-"
        if mm is not None:
            size = f"{(box[3] - box[1]) * mm[0]:.0f} x {(box[2] - box[0]) * mm[1]:.0f} mm"
        table.add_row(
            Text(common.on_one_line(result.name)),
            result.laterality or "?",
            result.view or "?",
            f"{score:.2f}",
            "-" if math.isnan(p) else f"{p:.2f}",
            *(f"{value:.0f}" for value in box),
            size,
        )
