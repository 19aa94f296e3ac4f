from __future__ import annotations

import pytest

from mammoscope.naming.matching import (
    AmbiguousName,
    has_other_extension,
    match_names,
    normalise,
    stem,
)


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("a.png", "a.png"),
        ("a", "a.png"),
        ("a.png", "a"),
        ("a.dcm", "a.png"),
        ("x/y/a.png", "a"),
        ("a", "x/y/a.png"),
        ("x/a.png", "y/a.png"),
        ("1.2.840.5.dcm", "1.2.840.5"),
        ("1.2.840.5", "1.2.840.5.dcm"),
        ("IM_01", "DICOM/IM_01"),
    ],
)
def test_one_name_with_and_without_extension_and_folder(name: str, image: str) -> None:
    assert match_names([name], [image]) == {name: image}


def test_a_uid_has_no_extension() -> None:
    assert match_names(["1.2.840.3"], ["1.2.840.1"]) == {}
    assert stem("1.2.840.3") == "1.2.840.3"


def test_a_hidden_file_is_not_all_extension() -> None:
    assert stem(".png") == ".png"


def test_names_are_told_apart_by_extension_where_they_have_one() -> None:
    images = ["a.png", "a.dcm"]
    assert match_names(["a.dcm"], images) == {"a.dcm": "a.dcm"}
    assert match_names(["a.dcm", "a.png"], images) == {"a.dcm": "a.dcm", "a.png": "a.png"}
    with pytest.raises(AmbiguousName, match=r"whether a means a.dcm or a.png"):
        match_names(["a"], images)
    with pytest.raises(AmbiguousName, match=r"whether a.tif means a.dcm or a.png"):
        match_names(["a.tif"], images)


def test_a_whole_name_takes_an_image_from_one_without_its_extension() -> None:
    assert match_names(["a.dcm", "a.png"], ["a.png"]) == {"a.png": "a.png"}
    assert match_names(["a", "a.png"], ["a.png"]) == {"a.png": "a.png"}


def test_several_names_for_one_image_are_ambiguous() -> None:
    with pytest.raises(AmbiguousName, match=r"a.dcm or a.png means a$"):
        match_names(["a.dcm", "a.png"], ["a"])
    with pytest.raises(AmbiguousName, match=r"p1/a.png or p2/a.png means a.png"):
        match_names(["p1/a.png", "p2/a.png"], ["a.png"])


def test_folders_tell_images_of_one_name_apart() -> None:
    images = ["p1/1.dcm", "p2/1.dcm"]
    names = ["data/p2/1.dcm", "data/p1/1.dcm", "data/p3/1.dcm"]
    assert match_names(names, images) == {names[1]: images[0], names[0]: images[1]}
    assert match_names(["p3/1.dcm"], images) == {}
    assert match_names([*names[1:]], images) == {names[1]: images[0]}
    with pytest.raises(AmbiguousName):
        match_names(["1.dcm"], images)


def test_folders_that_agree_in_part() -> None:
    images = ["scans/p1/cc/1.dcm", "scans/p2/cc/1.dcm"]
    assert match_names(["in/p2/cc/1"], images) == {"in/p2/cc/1": images[1]}
    with pytest.raises(AmbiguousName):
        match_names(["in/p3/cc/1.dcm"], images)


def test_normal_form() -> None:
    assert normalise("./a//b/./c.png") == "a/b/c.png"
    assert normalise("C:\\scans\\c.png") == "C:/scans/c.png"
    assert normalise("/") == ""


def test_other_extension() -> None:
    assert has_other_extension("a.png", "a.dcm")
    assert not has_other_extension("a", "a.dcm")
    assert not has_other_extension("x/a.dcm", "a.dcm")
