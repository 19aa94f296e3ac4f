"""Dependencies point one way, and nothing heavy is loaded before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import mammoscope

ROOT = Path(mammoscope.__file__).parent

LAYERS = (
    {
        *("errors", "_version", "plugins", "geometry", "showing", "types", "tables", "naming"),
        *("files", "locations", "certificates"),
    },
    {"annotations", "reading", "preprocessing", "models", "phantom", "study"},
    {"deidentification", "detection", "classification", "datasets", "density"},
    {"histopathology", "radar", "thermography"},
    {"pipeline", "results"},
    {"reporting", "evaluation", "dicom_results", "reader_studies"},
    {"runs", "training"},
    {"histopathology/run", "histopathology/comparison", "radar/evaluation"},
    {"thermography/comparison"},
    {"node", "viewer"},
    {"cli"},
)
"""From the bottom up: a unit uses its own layer and those below."""

HEAVY = (
    *("torch", "torchvision", "timm", "onnxruntime", "onnx", "matplotlib", "cv2", "pydicom"),
    *("highdicom", "pynetdicom", "dicomweb_client", "requests", "jinja2", "starlette", "uvicorn"),
    *("pandas", "pyarrow", "ray", "fsspec"),
)

ALLOWED = {
    "torch": ("training/", "histopathology/comparison/", "thermography/comparison.py"),
    "torchvision": ("training/", "histopathology/comparison/"),
    "timm": ("training/", "histopathology/comparison/"),
    "safetensors": ("training/", "histopathology/comparison/"),
    "accelerate": ("training/", "histopathology/comparison/"),
    "pydantic": (
        "training/config.py",
        "training/density/config.py",
        "training/second_look/config.py",
        "histopathology/comparison/config.py",
    ),
    "sklearn": ("training/", "histopathology/comparison/", "thermography/comparison.py"),
    "skimage": ("histopathology/comparison/",),
    "scipy": (
        "histopathology/comparison/",
        "reader_studies/comparison.py",
        "thermography/comparison.py",
    ),
    "onnx": ("training/", "histopathology/comparison/"),
    "onnxruntime": ("models/session.py",),
    "pydicom": (
        "reading/",
        "phantom/",
        "dicom_results/",
        "node/",
        "viewer/",
        "deidentification.py",
    ),
    "highdicom": ("dicom_results/",),
    "pynetdicom": tuple(
        f"node/{name}.py" for name in ("dimse", "door", "line", "outward", "states")
    ),
    "dicomweb_client": ("node/dicomweb.py",),
    "requests": ("node/dicomweb.py", "node/web.py"),
    "sqlite3": (
        "node/database.py",
        "viewer/index.py",
        "viewer/reviews.py",
        "viewer/thumbnails.py",
    ),
    "starlette": ("viewer/",),
    "uvicorn": ("viewer/server.py",),
    "jinja2": ("reporting/html/",),
    "gdcm": ("reading/",),
    "pandas": ("reporting/notebook.py",),
    "matplotlib": (
        "reporting/notebook.py",
        "evaluation/plots/froc.py",
    ),
    "typer": ("cli/",),
    "rich": ("cli/",),
    "pyarrow": ("runs/tables.py",),
    "ray": ("runs/engines/ray.py",),
    "fsspec": ("locations.py",),
    "pickle": (),
}
"""The only places from which a package may be imported."""

MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


@cache
def imported(module: str) -> set[str]:
    """Everything that a module imports while it runs, at its top or inside a function."""
    found: set[str] = set()
    pending: list[ast.AST] = [ast.parse((ROOT / module).read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are written out in full"
            name = node.module or ""
            found |= {name} if name != "mammoscope" else {f"{name}.{a.name}" for a in node.names}
        pending.extend(ast.iter_child_nodes(node))
    return found


def unit(module: str) -> str:
    """The package, or the part of one that has a layer of its own."""
    parts = module.removesuffix(".py").split("/")
    inner = "/".join(parts[:2])
    return inner if any(inner in units for units in LAYERS) else parts[0]


def layer(name: str) -> int:
    (number,) = [n for n, units in enumerate(LAYERS) if name in units]
    return number


def test_every_unit_has_its_layer() -> None:
    units = {unit(module) for module in MODULES} - {"__init__", "__main__"}
    assert units == set().union(*LAYERS)


@pytest.mark.parametrize("module", [m for m in MODULES if m not in ("__init__.py", "__main__.py")])
def test_dependencies_point_down(module: str) -> None:
    names = (name.split(".", 1)[1] for name in imported(module) if name.startswith("mammoscope."))
    used = {unit(name.replace(".", "/")) for name in names} - {unit(module)}
    assert {u for u in used if layer(u) > layer(unit(module))} == set()


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_is_imported_only_where_it_belongs(package: str) -> None:
    users = {m for m in MODULES if any(i.split(".")[0] == package for i in imported(m))}
    assert {user for user in users if not user.startswith(ALLOWED[package])} == set()


def test_nothing_but_the_command_line_imports_training() -> None:
    users = {m for m in MODULES if any(i.startswith("mammoscope.training") for i in imported(m))}
    assert {u for u in users if not u.startswith(ALLOWED["torch"])} == {
        "cli/train.py",
        "cli/training.py",
    }


def loaded_after(code: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded after ``code``."""
    program = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


def test_the_package_alone_loads_nothing_heavy() -> None:
    assert loaded_after("import mammoscope") & {*HEAVY, "numpy", "typer", "rich"} == set()


def test_the_command_line_loads_nothing_heavy_before_it_runs() -> None:
    assert loaded_after("import mammoscope.cli") & set(HEAVY) == set()


def test_the_whole_public_surface_needs_no_training_and_no_plots() -> None:
    code = "import mammoscope\nfor name in mammoscope.__all__: getattr(mammoscope, name)"
    loaded = loaded_after(code)
    assert "numpy" in loaded
    assert (
        loaded & {"torch", "torchvision", "timm", "onnx", "onnxruntime", "matplotlib", "pandas"}
        == set()
    )
