from __future__ import annotations

from pathlib import Path

import pytest

from mammoscope.errors import TableError
from mammoscope.training.config import DEFAULT_CONFIG, DetectorConfig


def test_the_settings_of_the_shipped_model_can_be_read() -> None:
    assert DetectorConfig.read(DEFAULT_CONFIG).network.trunk == "mobilenetv2_100"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[network", "not a readable TOML"),
        ("[nettwork]", "unknown section 'nettwork'"),
        ("[network]\ntrunc = 'x'", "unknown setting 'trunc'"),
        ("[network]\ntrunk = 5", "trunk must be of kind str"),
        ("[network]\ntrunk = 'x'", "missing"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_cause(tmp_path: Path, text: str, cause: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(TableError, match=cause) as caught:
        DetectorConfig.read(path)
    assert "bad.toml" in str(caught.value)
