"""What tests of radar share: one simulated folder, written once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mammoscope.radar.arrays import Medium, bowl_array
from mammoscope.radar.scans import write_scans
from mammoscope.radar.simulation import Scene, simulate_many


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two simulated scans in the layout of the measured ones. Read only."""
    path = tmp_path_factory.mktemp("scans")
    write_scans(path, *simulate_many(Scene((), Medium(9.0), bowl_array()), 2, 10.0, seed=3))
    return path
