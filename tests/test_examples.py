"""Every public name has an example, and every example in a docstring runs."""

from __future__ import annotations

import doctest
import json
import shutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

import mammoscope
from mammoscope.phantom import PhantomOptions, make_phantom
from mammoscope.phantom.dicom import write_dicom
from mammoscope.phantom.encoding import ENCODINGS

NAMES = [name for name in mammoscope.__all__ if name != "__version__"]
FURTHER = ["plugins", "tables", "study.result", "reading.array"]
"""Modules below the public names that have examples, too."""

FINDER = doctest.DocTestFinder(recurse=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples read: a small synthetic study, one image of it alone, and a scan."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "study").mkdir()
    for side in ("L", "R"):
        made = make_phantom("MLO", side, PhantomOptions(rows=300, columns=250, seed=3, masses=2))
        write_dicom(made, folder / "study" / f"{side}_mlo.dcm", ENCODINGS["linear"])
        if side == "L":
            cv2.imwrite(str(folder / "scan.png"), (made.pixels * 65535).astype(np.uint16))
    shutil.copy(folder / "study" / "L_mlo.dcm", folder / "left_mlo.dcm")
    return folder


def run(tests: list[doctest.DocTest], folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run examples in ``folder``; gives how many there were."""
    monkeypatch.chdir(folder)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    known = {"mammoscope": mammoscope, "np": np, "Path": Path, "json": json}
    said: list[str] = []
    for test in tests:
        test.globs = {**test.globs, **known}
        runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
    return sum(len(test.examples) for test in tests)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_an_example_that_runs(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = getattr(mammoscope, name)
    module = import_module(value.__module__)
    (test, *_) = (
        t for t in FINDER.find(value, name, module, globs=vars(module).copy()) if t.name == name
    )
    assert run([test], folder, monkeypatch) > 0, "no example"


@pytest.mark.parametrize("name", FURTHER)
def test_other_examples_run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module: ModuleType = import_module(f"mammoscope.{name}")
    tests = [t for t in FINDER.find(module, name) if "StudyResult" not in t.name]
    assert run(tests, folder, monkeypatch) > 0
