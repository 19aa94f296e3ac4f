"""``mammoscope doctor`` and ``inspect``: is the install whole, and what is understood of a file."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mammoscope._version import __version__
from mammoscope.cli import common
from mammoscope.errors import MammoscopeError

if TYPE_CHECKING:
    from mammoscope.reading import ReadOptions

_DOCTOR = """Tell whether this install works: versions, machine, extras, codecs, models, self-test.

The self-test makes a synthetic mammogram in a temporary folder and looks for masses on it.

Exit code 0: models and self-test are well; 1: they are not.

Examples:

    mammoscope doctor

    mammoscope doctor --json > doctor.json
"""

_INSPECT = """Tell what the reader understands of each file, or why it would be refused.

Of patient and study it prints only whether they are known.

Exit code 0: every file can be read; 1: some would be refused.

Examples:

    mammoscope inspect left_mlo.dcm

    mammoscope inspect *.dcm --json
"""

_SETS = {"avx2": ("avx2",), "avx512": ("avx512f",), "bf16": ("avx512_bf16", "amx_bf16")}
_CPU_FACTS = Path("/proc/cpuinfo")
_UNKNOWN = "unknown"


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command(name="doctor", help=_DOCTOR)(doctor)
    app.command(name="inspect", help=_INSPECT)(inspect)


def doctor(as_json: common.Json = False) -> None:
    """Tell whether this install works."""
    from mammoscope.reading.dicom.pixel_data import codecs

    models, models_well = _models()
    tested, test_well = _self_test()
    facts: dict[str, Any] = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": _cores(_CPU_FACTS),
        "threads": os.cpu_count() or _UNKNOWN,
        "instructions": instructions(_CPU_FACTS),
        "extras": _extras(),
        "codecs": {name: f"{codec}, {state}" for name, codec, state in codecs()},
        "models": models,
        "self-test": tested,
        "well": models_well and test_well,
    }
    common.answer(as_json, facts, _lines(facts))
    if not facts["well"]:
        raise typer.Exit(1)


def inspect(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", show_default=False)],
    voi: common.VoiOption = common.VoiChoice.auto,
    any_modality: common.AnyModality = False,
    polarity: common.PolarityOption = common.PolarityChoice.auto,
    max_pixels: common.MaxPixels = common.DEFAULT_MAX_PIXELS,
    names: common.Names = "off",
    as_json: common.Json = False,
) -> None:
    """Tell what the reader understands of files."""
    options = common.read_options(voi, any_modality, polarity, max_pixels, names)
    told = [_understood(path, options) for path in files]
    lines = [line for facts in told for line in (*_lines(facts), "")]
    common.answer(as_json, {"files": told}, lines[:-1])
    if any("refused" in facts for facts in told):
        raise typer.Exit(1)


def _cores(cpu_facts: Path) -> int | str:
    """Cores of the processor, without those that are a second thread; unknown elsewhere."""
    cores, package = set(), ""
    for line in _told(cpu_facts).splitlines():
        key, _, value = line.partition(":")
        package = value.strip() if key.strip() == "physical id" else package
        if key.strip() == "core id":
            cores.add((package, value.strip()))
    return len(cores) or _UNKNOWN


def _told(cpu_facts: Path) -> str:
    try:
        return cpu_facts.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def instructions(cpu_facts: Path) -> dict[str, str]:
    """Whether the processor has each set of instructions that matters: yes, no or unknown."""
    lines = (line.partition(":") for line in _told(cpu_facts).splitlines())
    flags = next((after.split() for key, _, after in lines if key.strip() == "flags"), None)
    if flags is None:
        return dict.fromkeys(_SETS, _UNKNOWN)
    return {name: "yes" if {*any_of} & {*flags} else "no" for name, any_of in _SETS.items()}


def _extras() -> dict[str, str]:
    """Each extra of the package's metadata: installed, or what of it is missing."""
    try:
        about = metadata.metadata("mammoscope")
        stated = metadata.requires("mammoscope") or []
    except metadata.PackageNotFoundError:
        return {"all": f"{_UNKNOWN}: the package has no metadata here"}
    found = {}
    for extra in about.get_all("Provides-Extra") or []:
        asks = [one.partition(";")[0] for one in stated if _is_of(one, extra)]
        missing = sorted({name for ask in asks if (name := _distribution(ask)) and _lacks(name)})
        found[extra] = f"missing {', '.join(missing)}" if missing else "installed"
    return found


def _is_of(requirement: str, extra: str) -> bool:
    marker = requirement.partition(";")[2].replace('"', "'").replace(" ", "")
    return f"extra=='{extra}'" in marker


def _distribution(requirement: str) -> str:
    """The name that a requirement begins with."""
    ends = (at for at, c in enumerate(requirement) if not (c.isalnum() or c in "-_."))
    return requirement[: next(ends, len(requirement))]


def _lacks(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return True
    return False


def _models() -> tuple[dict[str, str], bool]:
    """Each shipped model: whole, or what is wrong; and whether all are whole."""
    from mammoscope.models import bundled_cards
    from mammoscope.models.session import OnnxModel

    found, well = {}, True
    try:
        cards = bundled_cards()
    except MammoscopeError as error:
        return {"cards": str(error)}, False
    for card in cards:
        try:
            OnnxModel(card)
            state = f"whole, sha256 {card.sha256[:12]}"
        except MammoscopeError as error:
            state, well = str(error), False
        found[f"{card.name} {card.version}"] = state
    return found, well


def _self_test() -> tuple[str, bool]:
    """Masses looked for on one phantom: how long it took, or what went wrong."""
    from mammoscope.phantom import StudyOptions, write_studies
    from mammoscope.runs.answers import detect

    try:
        with tempfile.TemporaryDirectory() as folder:
            written = write_studies(folder, StudyOptions(rows=500, png=False))
            start = time.perf_counter()
            detect(written.images[0])
            seconds = time.perf_counter() - start
    except Exception as error:
        # Whatever goes wrong on this machine is what is asked for here.
        return f"failed: {type(error).__name__}: {error}", False
    return f"finished in {seconds:.1f} s", True


def _understood(path: str, options: ReadOptions) -> dict[str, Any]:
    """What the reader says of a file; only whether patient and study are known."""
    from mammoscope.reading import read

    try:
        image = read(path, options)
    except MammoscopeError as error:
        return {"file": path, "refused": getattr(error, "cause", str(error))}
    source, frame = image.source, image.frame
    if source is None:  # Only images made in memory have none.
        return {"file": path, "refused": "no file"}
    spacing = frame.spacing_mm and " x ".join(f"{mm:g}" for mm in frame.spacing_mm)
    return {
        "file": path,
        "kind": source.kind,
        "image": source.image_kind,
        "rows": source.rows,
        "columns": source.columns,
        "bits stored": source.bits_stored,
        "transfer syntax": source.transfer_syntax,
        "photometric": source.photometric,
        "presentation intent": source.presentation_intent,
        "grey levels": source.intensity,
        **_grey(image.dicom and image.dicom.grey),
        "side": image.laterality,
        "view": image.view,
        "modifiers": [*source.modifiers],
        "spacing mm": spacing,
        "spacing kind": frame.spacing_kind,
        "spacing from": frame.spacing_source,
        "patient": "known" if image.patient_id else _UNKNOWN,
        "study": "known" if image.study_id else _UNKNOWN,
        "warnings": [*image.warnings],
    }


def _grey(grey: Any) -> dict[str, Any]:
    """The window or table that was chosen, and whether bright and dark were turned round."""
    if grey is None:
        return {}
    if grey.voi_table is not None:
        window = f"table of {len(grey.voi_table.entries) // 2} entries"
    elif grey.window is not None:
        function, centre, width = grey.window
        window = f"{function}, centre {centre:g}, width {width:g}"
    else:
        window = "none: the whole range"
    return {"window": window, "inverted": "yes" if grey.inverted else "no"}


def _lines(facts: dict[str, Any]) -> list[str]:
    """A table of two columns for people; a fact of several goes on below."""
    rows: list[tuple[str, str]] = []
    for key, value in facts.items():
        if isinstance(value, dict):
            rows += [(key, ""), *((f"  {name}", str(one)) for name, one in value.items())]
        elif isinstance(value, list):
            told = value or ["none"]
            rows += [(key if not at else "", str(one)) for at, one in enumerate(told)]
        elif isinstance(value, bool):
            rows.append((key, "yes" if value else "no"))
        else:
            rows.append((key, _UNKNOWN if value is None else str(value)))
    width = max(len(key) for key, _ in rows) + 2
    return [common.on_one_line(f"{key:<{width}}{value}".rstrip()) for key, value in rows]
