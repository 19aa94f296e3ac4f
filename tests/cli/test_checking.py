"""``mammoscope doctor`` and ``mammoscope inspect``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

import mammoscope
from mammoscope.cli import checking
from mammoscope.models import bundled_cards
from mammoscope.phantom import WrittenStudies

Run = Callable[..., Any]


def test_doctor_tells_that_the_install_works(run_command: Run) -> None:
    done = run_command("doctor", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["version"] == mammoscope.__version__ and told["well"] is True
    assert set(told["instructions"]) == {"avx2", "avx512", "bf16"}
    assert told["codecs"]["RLE Lossless"] == "pydicom, ok" and len(told["codecs"]) == 16
    assert {*told["models"]} == {f"{card.name} {card.version}" for card in bundled_cards()}
    assert told["self-test"].startswith("finished in ")


def test_doctor_fails_where_a_model_is_damaged(
    run_command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = bundled_cards()[0]
    (tmp_path / card.path.name).write_bytes(card.path.read_bytes())
    (tmp_path / card.weights).write_bytes(card.load_weights()[:-1])
    monkeypatch.setattr("mammoscope.models._BUNDLED", tmp_path)
    done = run_command("doctor")
    assert done.exit_code == 1
    assert "changed or cut off" in done.stdout and "self-test" in done.stdout


def test_instructions_are_those_of_the_processor(tmp_path: Path) -> None:
    facts = tmp_path / "cpuinfo"
    facts.write_text("processor\t: 0\nflags\t\t: fpu avx2 amx_bf16\n")
    assert checking.instructions(facts) == {"avx2": "yes", "avx512": "no", "bf16": "yes"}
    assert {*checking.instructions(tmp_path / "none").values()} == {"unknown"}


def test_inspect_tells_what_is_understood_and_no_name(
    run_command: Run, study: WrittenStudies
) -> None:
    path = study.images[0]
    image = mammoscope.read(path)
    done = run_command("inspect", path, "--json")
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.stdout)["files"]
    assert (told["side"], told["view"]) == (image.laterality, image.view)
    assert image.source is not None and told["grey levels"] == image.source.intensity
    assert told["spacing from"] == image.frame.spacing_source
    assert told["patient"] == told["study"] == "known" and told["warnings"] == [*image.warnings]
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    values = {key: value for key, value in told.items() if key != "file"}
    for secret in (dataset.PatientName, dataset.PatientID, dataset.StudyInstanceUID):
        assert str(secret) and str(secret) not in str(values)


def test_inspect_tells_the_cause_of_a_refusal_and_the_other_files(
    run_command: Run, study: WrittenStudies, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.dcm"
    empty.write_bytes(b"")
    done = run_command("inspect", empty, study.images[-1])
    assert done.exit_code == 1
    with pytest.raises(mammoscope.MammoscopeError) as error:
        mammoscope.read(empty)
    refused, other = done.stdout.split("\n\n")
    assert "refused" in refused and str(error.value).partition(": ")[2] in refused
    assert "PNG" in other and "patient              unknown" in other
