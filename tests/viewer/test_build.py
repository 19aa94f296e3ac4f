"""The built pages are those of the sources, and name nothing outside."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = Path(str(resources.files("mammoscope.viewer") / "static"))


def test_the_build_is_that_of_the_sources() -> None:
    script = ROOT / "scripts" / "viewer_digest.py"
    if not script.exists():
        pytest.skip("the sources of the pages are not here")
    spec = importlib.util.spec_from_file_location("viewer_digest", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    built = (STATIC / "sources.sha256").read_text().strip()
    assert built == module.digest(ROOT / "viewer"), "run scripts/build-viewer"


def test_the_pages_ask_nobody_else() -> None:
    for file in STATIC.rglob("*.*"):
        found = set(re.findall(rb"https?://[\w.-]+", file.read_bytes()))
        assert found <= {b"http://www.w3.org"}, file


def test_no_lock_file_names_a_registry() -> None:
    lock = ROOT / "viewer" / "package-lock.json"
    if not lock.exists():
        pytest.skip("the sources of the pages are not here")
    packages = json.loads(lock.read_text())["packages"]
    assert all("resolved" not in package for package in packages.values())
    assert all("integrity" in package for name, package in packages.items() if name)


def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    modules = ROOT / "viewer" / "node_modules"
    if shutil.which("node") is None or not modules.is_dir():
        pytest.skip("needs Node.js and what scripts/build-viewer installs")
    vite = [str(modules / ".bin" / "vite"), "build", "--outDir", str(tmp_path / "static")]
    subprocess.run(vite, cwd=ROOT / "viewer", check=True, capture_output=True)
    built = {p.relative_to(tmp_path / "static"): p for p in (tmp_path / "static").rglob("*.*")}
    assert built
    for name, path in built.items():
        assert path.read_bytes() == (STATIC / name).read_bytes(), name
