from __future__ import annotations

import logging
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mammoscope.errors import ReadError
from mammoscope.phantom import WrittenStudies
from mammoscope.reading import read
from mammoscope.reading.quiet import quiet


def test_filters_are_as_before_when_the_last_thread_leaves_in_whatever_order() -> None:
    before, showing = list(warnings.filters), warnings.showwarning
    entered, first_leaves = threading.Barrier(2), threading.Event()

    def first() -> None:
        with quiet():
            entered.wait(10)
        first_leaves.set()

    def second() -> list[warnings.WarningMessage]:
        with quiet():
            entered.wait(10)
            first_leaves.wait(10)
            with warnings.catch_warnings(record=True) as shown:
                warnings.warn("names a patient", stacklevel=1)
            return shown

    with ThreadPoolExecutor(2) as pool:
        leaving, staying = pool.submit(first), pool.submit(second)
        leaving.result(20)
        assert staying.result(20) == [], "still quiet after the other has left"
    assert warnings.filters == before and warnings.showwarning is showing


def test_files_cut_short_are_told_from_whole_ones_by_many_threads(
    study: WrittenStudies, tmp_path: Path
) -> None:
    whole = next(path for path in study.images if path.suffix == ".dcm")
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(whole.read_bytes()[:1500])

    def reads(path: Path) -> bool:
        try:
            read(path)
        except ReadError:
            return False
        return True

    paths = [whole, cut] * 12
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(reads, paths)) == [path == whole for path in paths]


def test_an_error_inside_restores_the_filters() -> None:
    before = list(warnings.filters)
    with pytest.raises(RuntimeError), quiet():
        raise RuntimeError
    assert warnings.filters == before


@pytest.mark.parametrize("name", ["pydicom", "highdicom.base", "pynetdicom.acse", "urllib3"])
def test_libraries_log_nothing_inside(name: str, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger(name)
    with caplog.at_level(logging.DEBUG):
        with quiet():
            logger.critical("names a patient")
        logger.critical("outside")
    assert caplog.messages == ["outside"]
