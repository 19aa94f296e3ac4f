from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import mammoscope

PUBLIC = [
    "Detections",
    "Frame",
    "ImageResult",
    "Mammogram",
    "MammoscopeError",
    "ModelCard",
    "ModelUse",
    "Pipeline",
    "PipelineOptions",
    "PreprocessOptions",
    "ReadOptions",
    "StudyResult",
    "__version__",
    "detect",
    "evaluate",
    "examine",
    "load_image_result",
    "load_metadata",
    "load_run",
    "preprocess",
    "read",
]
"""A name that is added or taken away is a decision: it is made here and in the changelog."""


def test_the_public_names_are_these_and_no_others() -> None:
    assert mammoscope.__all__ == PUBLIC
    assert dir(mammoscope) == sorted(PUBLIC)


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "__version__"])
def test_a_public_name_is_there_and_explained(name: str) -> None:
    value = getattr(mammoscope, name)
    assert value.__doc__
    assert value is getattr(import_module(value.__module__), name)


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        mammoscope.nonsense  # noqa: B018


def test_the_package_says_what_it_is_not() -> None:
    assert "not a medical device" in (mammoscope.__doc__ or "")
    project = Path(__file__).parents[1] / "pyproject.toml"
    assert "not a medical device" in tomllib.loads(project.read_text())["project"]["description"]


def test_types_are_told_to_those_who_check_theirs() -> None:
    """PEP 561: the marker lies in the package, all of which goes into the wheel."""
    assert Path(mammoscope.__file__).with_name("py.typed").is_file()
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert "Typing :: Typed" in project["project"]["classifiers"]
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["src/mammoscope"]
