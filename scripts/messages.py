"""Every error and warning that the program can print, read from its sources, for the site.

Messages are taken from the calls that make errors, and from sentences that results carry as
warnings and notes; ``…`` stands for what is filled in. So the page keeps none that is gone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "src" / "mammoscope"

KINDS = {
    "ReadError": (
        "A file is not there, is no image, or is damaged.",
        "Export or copy it anew. Does another viewer show it whole? Then it is worth an issue: say "
        "what made the file, never attach a patient's image.",
    ),
    "RefusedError": (
        "A file can be read, but is no two-dimensional grey mammogram, or is too large.",
        "Leave it out, or use the option that the message names.",
    ),
    "BreastNotFound": (
        "No breast can be told from the background.",
        "Look at the image: is it black, white, a close-up, or a test object? It is left out.",
    ),
    "TableError": (
        "A CSV or JSON table lacks a column or holds a value of the wrong kind.",
        "The message names table, row and cause: mend it. The columns are in the pages on data "
        "sets and on evaluation.",
    ),
    "InputError": (
        "Something else that you gave cannot be used.",
        "The message names it and says why.",
    ),
    "WorkerLost": (
        "Worker after worker has died on this image: it takes more memory than there is, or a "
        "library fell over it.",
        "Run it again with --resume, fewer --workers or more memory.",
    ),
    "EngineError": (
        "There is nobody to do the work: no worker starts, or a cluster does not answer.",
        "What the worker printed stands above the message; --engine threads needs no process more.",
    ),
    "PluginError": (
        "No socket knows the name, or another package's object does not fit.",
        "Is the package installed in the same environment? See “Write your own”.",
    ),
    "WriteError": (
        "A result cannot be written: the disk is full, read-only, or not there.",
        "Make room or choose another folder, and run it again.",
    ),
    "OutputError": (
        "A result cannot be written where it was asked for.",
        "Another folder, more room on the disk, or the right to write there.",
    ),
    "GeometryError": (
        "A box or an affine that cannot be meant: from Python, not from the commands.",
        "Boxes are x0, y0, x1, y1 with x0 < x1 and y0 < y1, in pixels of the frame at hand.",
    ),
    "SpacingUnknown": (
        "Millimetres were asked of an image whose pixel spacing is unknown.",
        "Give it by --metadata (spacing_mm).",
    ),
    "ModelError": (
        "A model file does not fit its card, or the card cannot be read.",
        "`mammoscope models verify` checks shipped models; install anew if they are changed.",
    ),
    "MissingExtra": (
        "An optional part of the install is needed.",
        "The message says which, and what to type.",
    ),
    "BadParameter": (
        "An option cannot be meant.",
        "The help of the command says what it takes.",
    ),
}
"""Class of the error: what it means, what to do."""

_INNER = {"Damaged": "ReadError", "Refused": "RefusedError", "AmbiguousName": "TableError"}
"""Faults within the reader, and the errors that users see in their place."""

_WHERE_SENTENCES = (
    "reading",
    "preprocessing",
    "pipeline",
    "detection",
    "runs",
    "study",
    "dicom_results",
)


@dataclass(frozen=True, order=True)
class Message:
    """What may be printed: the error's class (``"warning"`` for warnings, notes) and its text."""

    kind: str
    text: str
    place: str


def messages() -> list[Message]:
    """All messages, once each, in a fixed order."""
    return sorted({each for path in sorted(SOURCES.rglob("*.py")) for each in _of(path)})


def page() -> Iterator[str]:
    """The page in Markdown, line by line."""
    found = messages()
    yield "# When something goes wrong\n"
    yield "Every error and warning of the program, read from its sources. `…` is filled in.\n"
    yield "Exit codes: 0 all went well, 1 some files failed, 2 wrong use.\n"
    for kind, (meaning, remedy) in KINDS.items():
        rows = [each for each in found if each.kind == kind]
        if rows:
            yield f"## {kind}\n\n{meaning} **What to do:** {remedy}\n"
            yield from _table(rows)
    yield "## Warnings and notes\n"
    yield "They stand in a result's `warnings` or a run's `notes`; the image was used.\n"
    yield from _table([each for each in found if each.kind == "warning"])


def _table(rows: list[Message]) -> Iterator[str]:
    yield "| message | from |\n|---|---|"
    for row in rows:
        text = " ".join(row.text.split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
        yield f"| {text} | `{row.place}` |"
    yield ""


def _of(path: Path) -> Iterator[Message]:
    place = path.relative_to(SOURCES).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _name(node.func)
            kind = _INNER.get(name, "TableError" if name == "error" else name)
            texts = [text for each in node.args if (text := _text(each))]
            if kind in KINDS and texts:
                yield Message(kind, ": ".join(texts) if kind != "MissingExtra" else texts[0], place)
    if place.startswith(_WHERE_SENTENCES):
        yield from (Message("warning", text, place) for text in _sentences(tree))


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _text(node: ast.expr) -> str | None:
    """The words of a literal; ``…`` where a value is filled in; None for what holds no words."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
    return None


def _sentences(tree: ast.Module) -> Iterator[str]:
    """Literals that are whole sentences and no docstrings: what is carried along as a warning."""
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside = {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in n.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and id(node) not in documents | inside:
            text = _text(node) or ""
            if (
                len(text) > 20
                and text[0].isupper()
                and text.rstrip().endswith((".", ":"))
                and " " in text
            ):
                yield text
