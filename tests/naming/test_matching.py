from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_what_a_better_name_leaves_over_is_not_what_was_meant() -> None:
    images = ["p1/1.dcm", "p2/1.dcm"]
    with pytest.raises(AmbiguousName, match=r"whether 1.dcm means p1/1.dcm or p2/1.dcm"):
        match_names(["p1/1.dcm", "1.dcm"], images)
    with pytest.raises(AmbiguousName, match=r"whether p1/1.dcm or p2/1.dcm means 1.dcm"):
        match_names(images, ["p1/1.dcm", "1.dcm"])
    with pytest.raises(AmbiguousName, match=r"whether a means a.dcm or a.png"):
        match_names(["a.png", "a"], ["a.png", "a.dcm"])


def test_a_second_spelling_of_a_taken_image_means_nothing() -> None:
    assert match_names(["p1/1.dcm", "1.dcm"], ["p1/1.dcm"]) == {"p1/1.dcm": "p1/1.dcm"}


def test_images_that_have_not_moved_lie_where_their_name_says() -> None:
    assert match_names(["p1/a.png"], ["data/p1/a.png"], moved=False)
    assert match_names(["a"], ["data/p1/a.png"], moved=False)
    assert match_names(["p1/a.png"], ["p2/a.png"], moved=False) == {}
    assert match_names(["data/p1/a.png"], ["p1/a.png"], moved=False) == {}


def test_many_images_of_one_file_name_are_told_apart_by_their_folders() -> None:
    images = [f"scans/p{i}/view/1.dcm" for i in range(2000)]
    names = [image.removeprefix("scans/") for image in images]
    assert match_names(names, images) == dict(zip(names, images, strict=True))
    with pytest.raises(AmbiguousName):
        match_names([f"q{i}/1.dcm" for i in range(2000)], ["1.dcm", *images])


PATHS = st.lists(
    st.lists(st.sampled_from(["a", "b", "a.png", "b.png", "a.dcm"]), min_size=1, max_size=3).map(
        "/".join
    ),
    unique=True,
    max_size=5,
)


def found(names: list[str], images: list[str], moved: bool) -> dict[str, str] | None:
    try:
        return match_names(names, images, moved)
    except AmbiguousName:
        return None


@given(PATHS, PATHS, st.booleans(), st.randoms())
def test_no_order_matters_and_no_image_is_taken_twice(
    names: list[str], images: list[str], moved: bool, random: Random
) -> None:
    once = found(names, images, moved)
    random.shuffle(names)
    random.shuffle(images)
    assert found(names, images, moved) == once
    assert once is None or len(set(once.values())) == len(once)


@given(PATHS, PATHS)
def test_the_whole_name_of_an_image_means_that_image(names: list[str], images: list[str]) -> None:
    meant = found(names, images, moved=True)
    if meant is not None:
        assert all(meant[name] == name for name in set(names) & set(images))


@given(PATHS, PATHS, PATHS)
def test_a_name_is_not_given_elsewhere_because_others_are_named_too(
    names: list[str], images: list[str], more: list[str]
) -> None:
    meant, with_more = (found(n, images, False) for n in (names, list({*names, *more})))
    if meant is not None and with_more is not None:
        assert all(with_more.get(name, image) == image for name, image in meant.items())
