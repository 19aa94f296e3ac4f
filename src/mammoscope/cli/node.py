"""``mammoscope node``: a second reader beside a PACS."""

from __future__ import annotations

import logging
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mammoscope.cli import common
from mammoscope.files import DISCLAIMER

if TYPE_CHECKING:
    from mammoscope.node.options import DicomWebOptions, DimseOptions, NodeOptions, Tls
    from mammoscope.pipeline import PipelineOptions

_EPILOG = f"""
**Examples**

`mammoscope node --aet MAMMOSCOPE --send-to PACS@192.0.2.7:104 --bind 192.0.2.8 --spool spool`

`MAMMOSCOPE_DICOMWEB_TOKEN=... mammoscope node --dicomweb https://pacs.example/dicom-web --spool s`

`--quiet-seconds` must be longer than images of a study are apart. To stop: SIGTERM or Ctrl-C,
within ten seconds; a second one stops at once. Either costs nothing but time. See docs/node.md.
{DISCLAIMER}
"""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("node", epilog=_EPILOG)(command)


def command(  # noqa: PLR0913  # typer: one parameter an option
    spool: Annotated[
        Path, typer.Option(help="Folder of the queue: images and results on their way.")
    ],
    send_to: Annotated[
        str | None,
        typer.Option(metavar="AET@HOST:PORT", help="PACS that gets the results by C-STORE."),
    ] = None,
    aet: Annotated[str, typer.Option(help="The node's own AE title.")] = "MAMMOSCOPE",
    bind: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine's.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 11112,
    accept: Annotated[
        list[str] | None,
        typer.Option(help="AE title that may call; may be repeated. Default: that of --send-to."),
    ] = None,
    dicomweb: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="DICOMweb service to get studies from and store results in, instead of"
            " --send-to. Credentials: MAMMOSCOPE_DICOMWEB_USER and _PASSWORD, or _TOKEN.",
        ),
    ] = None,
    poll_seconds: Annotated[
        float, typer.Option(min=0, help="How often a DICOMweb service is asked for studies.")
    ] = 20,
    days: Annotated[
        int, typer.Option(min=0, help="A DICOMweb service's studies may be so many days old.")
    ] = 2,
    tls_cert: Annotated[
        Path | None, typer.Option(help="The node's certificate (PEM): TLS both ways.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key (PEM), not encrypted.")] = None,
    tls_ca: Annotated[
        Path | None, typer.Option(help="Certificates (PEM) that others' must be signed by.")
    ] = None,
    dicom: Annotated[
        str, typer.Option(help="Results to send: any of sr, sr1500, gsps and sc, with commas.")
    ] = "sr,gsps",
    quiet_seconds: Annotated[
        float, typer.Option(min=0, help="A study is whole when no image of it came for so long.")
    ] = 60,
    retry_seconds: Annotated[
        float,
        typer.Option(min=0, help="Wait after a failure; twice as long after each, to 10 minutes."),
    ] = 10,
    keep_hours: Annotated[
        float, typer.Option(min=0, help="Keep a study's images so long, lest another comes late.")
    ] = 24,
    model: common.DetectorModel = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Score from which a region counts. Default: the model's."),
    ] = None,
    classifier: common.ClassifierModel = None,
    classify: common.Classify = True,
    second_look: common.SecondLookModel = None,
    workers: common.Workers = common.DEFAULT_WORKERS,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Tell health (/health) and Prometheus metrics (/metrics) by HTTP; of this"
            " machine alone where no HOST is given.",
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Tell also who connects and ends an association.")
    ] = False,
) -> None:
    """Take mammograms from a PACS, read each study when it is whole, send the results back."""
    kinds = common.dicom_kinds(dicom)
    if (send_to is None) == (dicomweb is None):
        raise typer.BadParameter("give either --send-to or --dicomweb")
    if not kinds:
        raise typer.BadParameter("--dicom names nothing to send")
    from mammoscope.errors import MammoscopeError
    from mammoscope.node.options import (
        DicomWebOptions,
        DimseOptions,
        NodeOptions,
        Peer,
        check_aet,
        parse_place,
    )

    tls = _tls(tls_cert, tls_key, tls_ca)
    way: DimseOptions | DicomWebOptions
    try:
        monitor = None if metrics is None else parse_place(metrics)
        if send_to is not None:
            pacs = Peer.parse(send_to)
            titles = tuple(check_aet(title) for title in accept or [pacs.aet])
            way = DimseOptions(check_aet(aet), bind, port, titles, pacs, tls)
        else:
            way = DicomWebOptions(str(dicomweb), poll_seconds, days, tls)
    except MammoscopeError as error:
        raise typer.BadParameter(str(error)) from error
    options = NodeOptions(
        spool,
        kinds,
        workers,
        quiet_seconds,
        retry_seconds,
        keep_s=3600 * keep_hours,
        monitor=monitor,
    )
    with common.fatal(common.errors_console()):
        from mammoscope.pipeline import PipelineOptions

        reading = PipelineOptions(
            detector_card=model,
            classifier_card=classifier,
            second_look_card=second_look,
            classify=classify,
            threshold=threshold,
        )
        _run(reading, way, options, verbose)


def _tls(cert: Path | None, key: Path | None, ca: Path | None) -> Tls | None:
    from mammoscope.node.options import Tls

    if cert is None and key is None and ca is None:
        return None
    if cert is None or key is None or ca is None:
        raise typer.BadParameter("--tls-cert, --tls-key and --tls-ca go together")
    return Tls(cert, key, ca)


def _run(
    reading: PipelineOptions,
    way: DimseOptions | DicomWebOptions,
    options: NodeOptions,
    verbose: bool,
) -> None:
    from mammoscope.errors import MissingExtra

    if not all(map(find_spec, ("highdicom", "pynetdicom", "dicomweb_client"))):
        raise MissingExtra("The node", "dicom")
    from mammoscope.node.link import log
    from mammoscope.node.service import link_of, run_node
    from mammoscope.node.stopping import stop_on_signals
    from mammoscope.pipeline import Pipeline

    pipeline = Pipeline(reading)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.DEBUG if verbose else logging.INFO)
    # A trace may quote what came in.
    threading.excepthook = lambda fault: log.error("a thread ended: %s", fault.exc_type.__name__)
    run_node(pipeline, link_of(way), options, stop_on_signals())
