"""Headers are read from several threads."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mammoscope.reading.dicom.header import read_header


def test_headers_read_from_threads_leave_the_filters_of_warnings(
    tmp_path: Path, dicom: Callable[..., Path]
) -> None:
    path = dicom(tmp_path / "a.dcm", np.ones((6, 5), np.uint16))
    interval, before = sys.getswitchinterval(), list(warnings.filters)
    sys.setswitchinterval(1e-6)
    try:
        with warnings.catch_warnings(), ThreadPoolExecutor(4) as pool:
            headers = list(pool.map(read_header, [path] * 500))
            pool.shutdown()
            after = list(warnings.filters)
    finally:
        sys.setswitchinterval(interval)
    assert {(header.rows, header.columns) for header in headers} == {(6, 5)}
    assert after == before
