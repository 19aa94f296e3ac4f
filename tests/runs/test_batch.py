from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mammoscope.errors import InputError, OutputError, ReadError
from mammoscope.runs.batch import run_batch

PATHS = [Path(f"{i:02}.png") for i in range(20)]


def name_and_half(path: Path) -> tuple[str, float]:
    return path.name, int(path.stem) / 2


def broken(path: Path) -> str:
    number = int(path.stem)
    if number == 3:
        raise ReadError(path, "damaged")
    if number == 4:
        raise MemoryError
    if number == 5:
        raise ZeroDivisionError("of Mrs Miller")
    return path.stem


@pytest.mark.parametrize("workers", [1, 4])
def test_results_come_in_the_order_of_the_paths(workers: int) -> None:
    done = list(run_batch(PATHS, name_and_half, workers, {}))
    assert done == [(path, name_and_half(path)) for path in PATHS]


def test_a_slow_first_file_changes_nothing() -> None:
    others = threading.Barrier(3)

    def work(path: Path) -> str:
        # The first two cannot end before a third has begun.
        if path in PATHS[:3]:
            others.wait(timeout=30)
        return path.stem

    done = list(run_batch(PATHS, work, 4, {}))
    assert [stem for _, stem in done] == [path.stem for path in PATHS]


@pytest.mark.parametrize("workers", [1, 4])
def test_an_error_costs_its_own_file_only(workers: int) -> None:
    done = dict(run_batch(PATHS, broken, workers, {}))
    assert list(done) == PATHS
    failed = {path: error for path, error in done.items() if isinstance(error, Exception)}
    assert [path.stem for path in failed] == ["03", "04", "05"]
    assert str(failed[PATHS[3]]) == "03.png: damaged"
    assert type(failed[PATHS[4]]) is InputError
    assert "not enough memory" in str(failed[PATHS[4]])
    # The kind of an unexpected error is told, but not its text, which may quote a patient.
    assert "unexpected ZeroDivisionError" in str(failed[PATHS[5]])
    assert "Miller" not in str(failed[PATHS[5]])


@pytest.mark.parametrize("workers", [1, 4])
def test_refused_files_are_not_tried_and_keep_their_place(workers: int) -> None:
    tried: list[Path] = []
    refused = {PATHS[0]: OutputError(PATHS[0], "no"), PATHS[7]: OutputError(PATHS[7], "no")}
    done = list(run_batch(PATHS, lambda path: tried.append(path), workers, refused))
    assert [path for path, _ in done] == PATHS
    assert dict(done)[PATHS[7]] is refused[PATHS[7]]
    assert sorted(tried) == [path for path in PATHS if path not in refused]


def test_few_results_wait_to_be_taken() -> None:
    tried: list[Path] = []
    results = run_batch(PATHS, lambda path: tried.append(path), 2, {})
    next(results)
    assert len(tried) <= 5
    assert len(list(results)) == len(PATHS) - 1


def test_no_files_no_results() -> None:
    assert list(run_batch([], name_and_half, 3, {})) == []
