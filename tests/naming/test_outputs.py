from __future__ import annotations

from pathlib import Path

import pytest

from mammoscope.naming.outputs import check_names, name_of

SUFFIXES = (".json", ".png")


def named(paths: list[Path]) -> dict[Path, str]:
    return {path: name_of(path) for path in paths}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b/image.dcm", "image"),
        ("IMAGE.DCM", "IMAGE"),
        ("scan.tiff", "scan"),
        ("left.cc.png", "left.cc"),
        ("1.2.840.10008.5", "1.2.840.10008.5"),
        ("1.2.840.113619.2.png", "1.2.840.113619.2"),
        ("IM000001", "IM000001"),
        (".dcm", ".dcm"),
    ],
)
def test_only_an_image_extension_is_cut_off(path: str, name: str) -> None:
    assert name_of(path) == name


def test_different_names_are_all_free(tmp_path: Path) -> None:
    paths = [tmp_path / "a.dcm", tmp_path / "b.dcm"]
    assert check_names(named(paths), tmp_path / "out", SUFFIXES) == {}


@pytest.mark.parametrize("second", ["a.png", "sub/a.dcm", "A.DCM"])
def test_the_first_of_one_name_keeps_it(tmp_path: Path, second: str) -> None:
    paths = [tmp_path / "a.dcm", tmp_path / second]
    errors = check_names(named(paths), tmp_path / "out", SUFFIXES)
    assert list(errors) == [paths[1]]
    assert str(paths[0]) in str(errors[paths[1]])
    assert "overwrite" in errors[paths[1]].cause


def test_of_three_with_one_name_two_fail_and_both_name_the_first(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "a.dcm" for folder in "xyz"]
    errors = check_names(named(paths), tmp_path / "out", SUFFIXES)
    assert list(errors) == paths[1:]
    assert all(str(paths[0]) in error.cause for error in errors.values())


@pytest.mark.parametrize("name", ["run.dcm", "Report.PNG", "run"])
def test_the_names_of_a_runs_own_files_are_taken(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    errors = check_names(named([path]), tmp_path / "out", SUFFIXES)
    assert "a run's own files" in errors[path].cause


def test_an_image_is_not_overwritten_by_its_own_result(tmp_path: Path) -> None:
    inside, beside = tmp_path / "a.png", tmp_path / "b.dcm"
    errors = check_names(named([inside, beside]), tmp_path, SUFFIXES)
    assert list(errors) == [inside]
    assert "another output folder" in errors[inside].cause


def test_an_image_is_not_overwritten_by_the_result_of_another(tmp_path: Path) -> None:
    other, victim = tmp_path / "in" / "a.dcm", tmp_path / "out" / "a.png"
    errors = check_names(named([other, victim]), tmp_path / "out", SUFFIXES)
    assert str(victim) in errors[other].cause
    assert "another output folder" in errors[other].cause


def test_a_link_to_the_output_folder_does_not_hide_an_overwrite(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "in")
    path = tmp_path / "in" / "a.png"
    assert list(check_names(named([path]), tmp_path / "out", SUFFIXES)) == [path]


def test_a_mask_of_one_image_is_not_the_result_of_another(tmp_path: Path) -> None:
    paths = [tmp_path / "a.dcm", tmp_path / "a.breast.dcm"]
    errors = check_names(named(paths), tmp_path / "out", (".json", ".png", ".breast.png"))
    assert list(errors) == [paths[1]]
    assert str(paths[0]) in errors[paths[1]].cause
    assert check_names(named(paths), tmp_path / "out", SUFFIXES) == {}


def test_a_link_in_a_circle_costs_no_other_input(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").symlink_to("a.dcm")
    (tmp_path / "b.dcm").touch()
    paths = [tmp_path / "a.dcm", tmp_path / "b.dcm"]
    assert check_names(named(paths), tmp_path / "out", SUFFIXES) == {}
