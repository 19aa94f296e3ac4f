"""``mammoscope study``: reader studies, from the plan to the answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from mammoscope.cli.app import App
from mammoscope.cli.common import Metadata, counted, errors_console, fatal, on_one_line, wide
from mammoscope.cli.serving import Images, Port, ReviewsFile, StudyFiles, serve_study
from mammoscope.files import DISCLAIMER

if TYPE_CHECKING:
    from mammoscope.reader_studies import Comparison, StudyAnalysis
    from mammoscope.reader_studies.reads import LeftOut

_DESIGN_EPILOG = f"""
**Examples**

`mammoscope study design --readers 4 --cases cases.csv --modes blinded,beside --out design.csv`

`mammoscope study design --readers ann,ben --cases 60 --modes film,screen --seed 3 --out plan.csv`

Exit code 0: all well; 1: a file cannot be used, or a row was left out;
2: wrong use. {DISCLAIMER}
"""

_SERVE_EPILOG = f"""
**Examples**

`mammoscope study serve design.csv results --truth truth.csv`

`mammoscope study serve design.csv results --host 0.0.0.0 --name reading.example.org
--certificate cert.pem --key key.pem`

`mammoscope study serve design.csv results --truth truth.csv --export reads,marks --to reads`

Exit code 0: all well; 1: a file cannot be used; 2: wrong use. {DISCLAIMER}
"""

_ANALYSE_EPILOG = f"""
**Examples**

`mammoscope study analyse reads.csv`

`mammoscope study analyse reads.csv --positive-from 3 --json > analysis.json`

`mammoscope study analyse reads.csv --marks marks.csv`

Exit code 0: all well; 1: a file cannot be used, or a row was left out;
2: wrong use. {DISCLAIMER}
"""


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    study = App(
        help="Reader studies: plan, serve and analyse who reads what and how well.",
        no_args_is_help=True,
    )
    study.command("design", epilog=_DESIGN_EPILOG)(design)
    study.command("serve", epilog=_SERVE_EPILOG)(serve)
    study.command("analyse", epilog=_ANALYSE_EPILOG)(analyse)
    app.add_typer(study, name="study")


def design(
    readers: Annotated[str, typer.Option(help="How many readers, or their names with commas.")],
    cases: Annotated[
        str,
        typer.Option(
            help="How many cases, or a CSV file with a column case; a column truth, if there, "
            "balances the blocks."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The plan, a CSV file, one row a read.")],
    modes: Annotated[str, typer.Option(help="Ways of reading, with commas.")] = "blinded,beside",
    washout_days: Annotated[
        int, typer.Option(min=0, help="Least days between two sessions of a reader.")
    ] = 28,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
) -> None:
    """Plan a study: every reader reads every case in every mode, counter-balanced.

    In one session a reader sees each case once; blocks of cases change the mode from session to
    session, in another order for each reader. Sessions lie the washout apart.
    """
    from mammoscope.reader_studies.design import DesignOptions, load_cases, write_design
    from mammoscope.reader_studies.design import design as plan_study
    from mammoscope.tables import RowFault

    lost: list[RowFault] = []
    with fatal(errors_console()):
        known = _numbered(cases, "case") or load_cases(cases, lost)
        who = list(_numbered(readers, "reader") or _names(readers))
        try:
            plan = plan_study(who, known, _names(modes), DesignOptions(seed, washout_days))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        write_design(out, plan)
    sessions = max(read.session for read in plan)
    Console(soft_wrap=True, highlight=False, markup=False).print(
        f"{counted(len(who), 'reader')}, {counted(len(known), 'case')}, "
        f"{counted(len(_names(modes)), 'mode')}: {counted(len(plan), 'read')} in "
        f"{counted(sessions, 'session')} a reader, at least {washout_days} days apart. "
        f"Seed {seed}.\n"
        f"Plan: {out}"
    )
    if lost:
        _tell_lost(str(fault.error) for fault in lost)
        raise typer.Exit(1)


def serve(  # noqa: PLR0913  # typer: one parameter an option
    plan: Annotated[Path, typer.Argument(help="The plan, as `mammoscope study design` writes it.")],
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Folders written by `mammoscope detect`, or images, which are looked at first. "
            "A case of the plan is a patient, a study or an image.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the results of images that were not looked at yet.")
    ] = Path("mammoscope-view"),
    truth: Annotated[
        Path | None,
        typer.Option(help="truth.csv with the malignant lesions of every image, for the exports."),
    ] = None,
    reviews: ReviewsFile = None,
    images: Images = [],  # noqa: B006  # typer: a list option's default
    metadata: Metadata = None,
    adjudicator: Annotated[
        str, typer.Option(help="Name of who sees all reads and takes them out.")
    ] = "adjudicator",
    export: Annotated[
        str,
        typer.Option(help="Write what was read and end: any of reads, marks, readings, audit, ..."),
    ] = "",
    to: Annotated[Path, typer.Option(help="Folder for --export.")] = Path("reads"),
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but the loopback needs TLS.")
    ] = "127.0.0.1",
    name: Annotated[list[str], typer.Option(help="Name by which readers reach this machine.")] = [],  # noqa: B006
    port: Port = 0,
    certificate: Annotated[Path | None, typer.Option(help="PEM file of the certificate.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
) -> None:
    """Let the readers of a plan read: each by a link of their own, in the order of the plan.

    The server holds to mode, order and washout. Links stay the same when it is started again; they
    are kept beside the reviews. Ends with Ctrl+C, and goes on where it ended.
    """
    serve_study(
        StudyFiles(plan, paths, out, truth, reviews, tuple(images), metadata),
        adjudicator,
        (export, to),
        (host, tuple(name), port, certificate, key),
    )


def analyse(
    reads: Annotated[
        Path,
        typer.Argument(
            help="CSV file with columns reader,mode,case,truth,rating; one row a read. "
            "treatment or modality also name the mode; seconds is the reading time."
        ),
    ],
    marks: Annotated[
        Path | None,
        typer.Option(
            help="CSV file of marks for JAFROC: reader,mode,case,lesion,rating; lesion is empty "
            "for a mark that hits none. READS then needs a column lesions, their number."
        ),
    ] = None,
    positive_from: Annotated[
        float | None,
        typer.Option(
            metavar="R", help="Rating from which a case is called diseased, for sensitivity too."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare ways of reading: AUC, sensitivity, specificity, JAFROC and reading times.

    Each of every reader and mode, and the difference between the modes by Obuchowski-Rockette and
    by Dorfman-Berbaum-Metz with Hillis' degrees of freedom, for readers and cases drawn from many,
    for these readers only, and for these cases only.
    """
    from mammoscope.reader_studies import analyse as analyse_reads
    from mammoscope.reader_studies import load_reads

    with fatal(errors_console()):
        analysis = analyse_reads(load_reads(reads, marks), positive_from)
    if as_json:
        typer.echo(json.dumps(analysis.as_dict(), indent=2, allow_nan=False))
    else:
        _print(analysis)
    if rows := analysis.reads.left_out.rows:
        _tell_lost(rows)
        raise typer.Exit(1)


def _print(analysis: StudyAnalysis) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False, width=wide())
    reads = analysis.reads
    console.print(
        f"{counted(len(reads.readers), 'reader')}, {counted(len(reads.cases), 'case')} "
        f"({int(reads.truth.sum())} diseased), {counted(len(reads.modes), 'mode')}"
    )
    if told := _left_out(reads.left_out):
        console.print(told, style="bold")
    values = Table("figure", "mode", "mean", "95 % interval")
    for reader in reads.readers:
        values.add_column(on_one_line(reader), justify="right")
    for row in analysis.means:
        each = [f"{row.readers[reader]:.4f}" for reader in reads.readers]
        values.add_row(
            row.figure, on_one_line(row.mode), f"{row.mean:.4f}", _range(row.low, row.high), *each
        )
    console.print(values)
    differences = Table(
        *("figure", "difference", "readers", "cases", "by", "value", "SE", "df", "p"),
        "95 % interval",
    )
    for found in analysis.comparisons:
        differences.add_row(*_cells(found))
    if analysis.comparisons:
        console.print(differences)
    else:
        console.print("One mode only: nothing to compare.")
    console.print(f"random: drawn from many; fixed: these only. {DISCLAIMER}")


def _left_out(left_out: LeftOut) -> str:
    """What bad rows cost the analysis, in words."""
    if not left_out.rows:
        return ""
    names = ", ".join(left_out.cases[:10]) + (", ..." if len(left_out.cases) > 10 else "")
    parts = [
        f"{counted(len(left_out.cases), 'case')} ({names}), of all readers in all modes"
        if left_out.cases
        else "",
        *(f"the figure {name}, for want of marks" for name in left_out.figures),
    ]
    cost = "; ".join(part for part in parts if part) or "nothing else"
    return on_one_line(
        f"Left out, for {counted(len(left_out.rows), 'row')} that cannot be used: {cost}. "
        "What is left may be another choice of cases: mend the table."
    )


def _tell_lost(rows: Iterable[str]) -> None:
    errors = errors_console()
    for row in rows:
        errors.print(f"Left out: {on_one_line(row)}", style="red")


def _cells(found: Comparison) -> list[str]:
    return [
        found.figure,
        on_one_line(" - ".join(found.modes)),
        found.readers,
        found.cases,
        found.method,
        f"{found.difference:.4f}",
        "-" if found.se is None else f"{found.se:.4f}",
        "inf" if found.df is None else f"{found.df:.2f}",
        "-" if found.p is None else _p_value(found.p),
        _range(found.low, found.high),
    ]


def _p_value(p: float) -> str:
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"


def _range(low: float | None, high: float | None) -> str:
    return "-" if low is None else f"{low:.4f} to {high:.4f}"


def _numbered(text: str, what: str) -> dict[str, str]:
    """Names of a number of things, or none where the text is no number."""
    if not (text.isascii() and text.isdigit()):
        return {}
    width = len(text)
    return {f"{what}-{n:0{width}}": "" for n in range(1, int(text) + 1)}


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
