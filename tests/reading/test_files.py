"""Which files an argument means."""

from __future__ import annotations

import json
import os
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.fileset import FileSet

from mammoscope.errors import InputError, ReadError
from mammoscope.reading import find_images, read

DICOM = bytes(128) + b"DICM" + bytes(100)


@pytest.fixture
def tree(tmp_path):
    """A folder as people have them."""
    files = {
        "b.dcm": DICOM,
        "a.PNG": b"png",
        "deep/er/c.tif": b"tif",
        "deep/1.2.840.113": b"\0\1binary",
        "deep/IM0001": b"\0\1binary",
        "deep/strange.dat": DICOM,
        "deep/LICENSE": b"Free to use.\n",
        "truth.csv": b"image\n",
        "notes.txt": b"notes\n",
        "report.2": b"plain text\n",
        ".hidden.dcm": DICOM,
        ".cache/x.dcm": DICOM,
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def _names(paths, root):
    return [path.relative_to(root).as_posix() for path in paths]


def test_a_folder(tree):
    found = find_images([tree])
    images = ["a.PNG", "b.dcm", "deep/1.2.840.113", "deep/IM0001", "deep/er/c.tif"]
    assert _names(found.paths, tree) == [*images, "deep/strange.dat"]
    assert _names(found.ignored, tree) == ["deep/LICENSE", "notes.txt", "report.2", "truth.csv"]


def test_a_file_is_always_taken(tree):
    found = find_images([tree / "truth.csv", str(tree / ".hidden.dcm")])
    assert _names(found.paths, tree) == [".hidden.dcm", "truth.csv"]


def test_each_file_once(tree, monkeypatch):
    monkeypatch.chdir(tree)
    found = find_images(["deep", tree / "deep" / "IM0001", "deep/../deep/IM0001"])
    assert len(found.paths) == 4
    assert len({os.path.normpath(path.absolute()) for path in found.paths}) == 4
    named = find_images([tree, tree / "truth.csv"])
    assert tree / "truth.csv" in named.paths
    assert tree / "truth.csv" not in named.ignored


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.dcm", ["b.dcm"]),
        ("**/*.tif", ["deep/er/c.tif"]),
        ("[ab].*", ["a.PNG", "b.dcm"]),
        ("dee?", ["deep/1.2.840.113", "deep/IM0001", "deep/er/c.tif", "deep/strange.dat"]),
    ],
)
def test_a_pattern(pattern, names, tree):
    assert _names(find_images([tree / pattern]).paths, tree) == names


def test_a_name_with_brackets_is_no_pattern(tmp_path):
    path = tmp_path / "scan[1].dcm"
    path.write_bytes(DICOM)
    assert find_images([path]).paths == (path,)


@pytest.mark.parametrize(
    ("argument", "cause"),
    [
        ("*.nothing", "no file matches"),
        ("empty", "no images found"),
        ("*.csv", "no images found; 1 other files were passed over"),
    ],
)
def test_nothing_found(argument, cause, tree):
    (tree / "empty").mkdir()
    with pytest.raises(InputError, match=cause) as caught:
        find_images([tree / argument])
    assert str(caught.value).startswith(str(tree / argument))


def test_a_missing_file_is_left_for_reading_to_name(tree):
    assert find_images([tree / "none.dcm"]).paths == (tree / "none.dcm",)


def test_no_argument_is_no_image():
    assert find_images([]).paths == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list and read everything")
def test_no_permission(tree):
    (tree / "deep").chmod(0)
    (tree / "b.dcm").chmod(0)
    try:
        with pytest.raises(InputError, match="Permission denied"):
            find_images([tree])
        with pytest.raises(ReadError, match="no permission"):
            read(tree / "b.dcm")
    finally:
        (tree / "deep").chmod(0o700)


def test_what_is_neither_file_nor_folder(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="neither a file nor a folder"):
        find_images([pipe])
    with pytest.raises(ReadError, match="not a regular file"):
        read(pipe)


@pytest.fixture
def disc(tmp_path, texture, mammogram, save) -> Path:
    """A DICOMDIR and the two images that it refers to."""
    file_set = FileSet()
    for number in (1, 2):
        uid = f"1.2.826.0.1.3680043.8.498.9.{number}"
        dataset = mammogram(texture(8, 8, 12), SOPInstanceUID=uid)
        dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20200101", "120000", "1"
        dataset.SeriesNumber, dataset.InstanceNumber = 1, number
        file_set.add(save(dataset, f"in/{number}.dcm"))
    target = tmp_path / "disc"
    file_set.write(target)
    return target


def test_a_dicomdir(disc):
    found = find_images([disc / "DICOMDIR"])
    assert len(found.paths) == 2
    assert all(read(path).pixels.shape == (8, 8) for path in found.paths)
    with_folder = find_images([disc])
    assert with_folder.paths == found.paths
    assert _names(with_folder.ignored, disc) == ["DICOMDIR"]


def test_a_dicomdir_whose_images_were_renamed_or_lost(disc):
    first, second = find_images([disc / "DICOMDIR"]).paths
    lower = first.with_name(first.name.lower())
    first.rename(lower)
    second.unlink()
    found = find_images([disc / "DICOMDIR"]).paths
    assert sorted(found) == sorted([lower, second])
    with pytest.raises(ReadError, match="no such file"):
        read(second)


def test_a_dicomdir_never_leads_out_of_its_folder(disc):
    path = disc / "DICOMDIR"
    data = path.read_bytes()
    assert b"PT000000" in data
    path.write_bytes(data.replace(b"PT000000", b"..\\..\\..".ljust(8)))
    for image in find_images([path]).paths:
        with pytest.raises(InputError, match="outside its folder"):
            read(image)


def test_a_broken_dicomdir(disc):
    path = disc / "DICOMDIR"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(InputError, match=r"DICOMDIR|no images found"):
        find_images([path])


def test_the_folder_of_the_results_is_passed_over(tree):
    (tree / "results").mkdir()
    (tree / "results" / "a.png").write_bytes(b"overlay")
    (tree / "results" / "deep").mkdir()
    found = find_images([tree], passing_over=tree / "results").paths
    assert tree / "results" / "a.png" not in found
    assert len(find_images([tree]).paths) == len(found) + 1


def test_repeated_names_are_told_apart_by_their_folders(tmp_path):
    for name in ("PAT1/S1/IM1", "PAT2/S1/IM1", "PAT2/S1/IM2"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(DICOM)
    found = find_images([tmp_path])
    assert [found.name(path) for path in found.paths] == ["PAT1_S1_IM1", "PAT2_S1_IM1", "IM2"]
    plain = find_images([tmp_path], name_by_folder=False)
    assert [plain.name(path) for path in found.paths] == ["IM1", "IM1", "IM2"]


def test_a_new_name_that_is_another_file_s_gets_its_extension(tmp_path):
    for name in ("a/1.png", "b/1.png", "a_1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"png")
    found = find_images([tmp_path])
    assert sorted(map(found.name, found.paths)) == ["a_1", "a_1_png", "b_1"]


def test_our_own_masks_are_no_images_of_a_folder(tmp_path):
    for name in ("a.png", "a.breast.png", "a.pectoral.png"):
        (tmp_path / name).write_bytes(b"image")
    found = find_images([tmp_path])
    assert _names(found.paths, tmp_path) == ["a.png"]
    assert len(found.ignored) == 2


def test_images_of_a_dicomdir_are_named_by_their_series_where_names_repeat(
    tmp_path, texture, mammogram, save
):
    file_set = FileSet()
    for number in (1, 2):
        uid = f"1.2.826.0.1.3680043.8.498.9.{number}"
        dataset = mammogram(texture(8, 8, 12), SOPInstanceUID=uid, SeriesInstanceUID=f"{uid}.5")
        dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20200101", "120000", "1"
        dataset.SeriesNumber, dataset.InstanceNumber = number, 1
        file_set.add(save(dataset, f"in/{number}.dcm"))
    file_set.write(tmp_path / "disc")
    found = find_images([tmp_path / "disc" / "DICOMDIR"])
    assert [found.name(path) for path in found.paths] == ["SE000000_IM000000", "SE000001_IM000000"]


def test_linked_folders_are_searched_once(tmp_path):
    for name in ("in/a.png", "elsewhere/b.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"png")
    links = {"in/away": "elsewhere", "in/again": "elsewhere", "in/loop": "in", "elsewhere/up": "in"}
    for link, target in links.items():
        (tmp_path / link).symlink_to(tmp_path / target, target_is_directory=True)
    found = find_images([tmp_path / "in"])
    assert _names(found.paths, tmp_path) == ["in/a.png", "in/again/b.png"]
    whole = find_images([tmp_path])
    assert _names(whole.paths, tmp_path) == ["elsewhere/b.png", "in/a.png"]


def test_names_are_told_apart_over_all_arguments(tmp_path):
    names = ("p1/a.png", "p2/a.png", "p2/a.tif", "p2/A.png", "p2/b.png")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"png")
    found = find_images([tmp_path / name for name in names], name_by_folder=True)
    assert {path.relative_to(tmp_path).as_posix(): found.name(path) for path in found.paths} == {
        "p1/a.png": "p1_a",
        "p2/A.png": "p2_A_png_2",
        "p2/a.png": "p2_a_png_1",
        "p2/a.tif": "p2_a_tif",
        "p2/b.png": "b",
    }


def record(path, kind):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {"schema": f"mammoscope/{kind}/1", "file": f"{path.stem}.png"}
    path.write_text(json.dumps(values, indent=2))


def test_results_of_earlier_runs_are_no_images_beside_their_sources(tmp_path):
    record(tmp_path / "breasts" / "a.json", "preprocessed-image")
    record(tmp_path / "old" / "run.json", "run")
    record(tmp_path / "old" / "a.json", "image-result")
    (tmp_path / "other.json").write_text("{}")
    results = ("breasts/a.png", "old/a.png", "old/dicom/a.sc.dcm", "old/images/image-1.dcm")
    # a.tiff was written from a.png beside it.
    others = ("b.dcm", "breasts/a.tiff", "other.png", "old/b.png", "dicom/c.dcm")
    for name in ("a.png", *others, *results):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(DICOM)
    found = find_images([tmp_path])
    images = ["a.png", "b.dcm", "breasts/a.tiff", "dicom/c.dcm", "old/b.png", "other.png"]
    assert _names(found.paths, tmp_path) == images
    assert {tmp_path / name for name in results} <= set(found.ignored)
    # Asked for by its folder, by a pattern or by its name, what preprocess wrote is an image.
    for asked in ("breasts", "breasts/*.png", "breasts/a.png"):
        assert "breasts/a.png" in _names(find_images([tmp_path / asked]).paths, tmp_path)
    assert _names(find_images([tmp_path / "old" / "images"]).paths, tmp_path) == [results[3]]
    assert _names(find_images([tmp_path / "old"]).paths, tmp_path) == ["old/b.png"]


@pytest.fixture
def bites(tree):
    """A folder with what is no file beside what is; every name looks like an image or a result."""
    for name in ("fifo", "fifo.dcm", "a.json", "run.json", "DICOMDIR"):
        os.mkfifo(tree / name)
    (tree / "to-fifo").symlink_to("fifo")
    (tree / "loop.dcm").symlink_to("loop.dcm")
    (tree / "nowhere").symlink_to("missing")
    (tree / "zero").symlink_to("/dev/zero")
    (tree / "self").symlink_to(".", target_is_directory=True)
    (tree / "overlays").mkdir()
    (tree / "overlays" / "a.png").write_bytes(b"png")
    return tree


def test_what_is_no_file_costs_nothing_but_itself(bites) -> None:
    found = find_images([bites])
    names = {path.name for path in found.paths}
    assert {"b.dcm", "a.PNG", "c.tif", "1.2.840.113", "IM0001", "strange.dat"} <= names
    for path in found.paths:
        with pytest.raises(InputError):  # None of them is an image; and none is waited for.
            read(path)
    for pattern in ("*", "**/*"):
        assert find_images([f"{bites}/{pattern}"]).paths


@pytest.mark.parametrize(
    "name", ["fifo", "to-fifo", "zero", "loop.dcm", "nowhere", "a\0b", "DICOMDIR"]
)
def test_what_is_no_file_is_named_when_it_is_asked_for(bites, name: str) -> None:
    with pytest.raises((InputError, ReadError)):
        read(find_images([bites / name]).paths[0])


@pytest.mark.parametrize(
    "reference",
    [
        ["..", "SECRET"],
        ["LINK"],
        ["LINKS", "SECRET"],
        ["/etc", "passwd"],
        ["C:\\WINDOWS"],
        ["A\0B"],
        ["N" * 300],
    ],
)
def test_a_dicomdir_leads_nowhere_outside_its_folder(disc, tmp_path, reference) -> None:
    (tmp_path / "SECRET").write_bytes(DICOM)
    (disc / "LINK").symlink_to(tmp_path / "SECRET")
    (disc / "LINKS").symlink_to(tmp_path, target_is_directory=True)
    directory = dcmread(disc / "DICOMDIR")
    images = [r for r in directory.DirectoryRecordSequence if r.DirectoryRecordType == "IMAGE"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        images[0].ReferencedFileID = reference
        directory.save_as(disc / "DICOMDIR")
    found = find_images([disc / "DICOMDIR"])
    assert len(found.paths) == 2 and all(path.is_relative_to(disc) for path in found.paths)
    refused, whole = sorted(found.paths, key=os.path.exists)
    # That record is told by its name; the other is read, under the name that it has alone.
    with pytest.raises(ReadError, match=f"{reference[-1][:8].rsplit(':', 1)[0]}.*: "):
        read(refused)
    assert read(whole).pixels.shape == (8, 8)
    assert found.name(whole) == whole.name


def test_a_dicomdir_may_refer_to_a_fifo(disc) -> None:
    path = find_images([disc / "DICOMDIR"]).paths[0]
    path.unlink()
    os.mkfifo(path)
    found = find_images([disc / "DICOMDIR"]).paths
    with pytest.raises(ReadError, match="not a regular file"):
        read(found[0])


def _without_records(directory: Dataset, _: Path) -> None:
    del directory.DirectoryRecordSequence


def _no_record_at_all(directory: Dataset, _: Path) -> None:
    directory.DirectoryRecordSequence = []


def _each_a_hundred_times(directory: Dataset, _: Path) -> None:
    directory.DirectoryRecordSequence = 100 * list(directory.DirectoryRecordSequence)


def _in_a_circle(directory: Dataset, _: Path) -> None:
    for record in directory.DirectoryRecordSequence:
        record.OffsetOfTheNextDirectoryRecord = 400
        record.OffsetOfReferencedLowerLevelDirectoryEntity = 400


def _of(*file_id: str) -> Callable[[Dataset, Path], None]:
    def change(directory: Dataset, disc: Path) -> None:
        os.mkfifo(disc / "FIFO")
        (disc / "ENDLESS").symlink_to("/dev/zero")
        (disc / "CIRCLE").symlink_to("CIRCLE")
        for record in directory.DirectoryRecordSequence:
            if record.DirectoryRecordType == "IMAGE":
                record.ReferencedFileID = list(file_id)

    return change


@pytest.mark.parametrize(
    "change",
    [
        *(_without_records, _no_record_at_all, _each_a_hundred_times, _in_a_circle),
        *(_of("DICOMDIR"), _of("."), _of(""), _of("FIFO"), _of("ENDLESS"), _of("CIRCLE", "A")),
        *(_of("PT000000"), _of(*20 * ["DEEP"]), _of("A\0B"), _of("N" * 5000), _of("*"), _of("~")),
    ],
)
def test_a_hostile_dicomdir_costs_itself_and_no_wait(disc, change) -> None:
    directory = dcmread(disc / "DICOMDIR")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        change(directory, disc)
        directory.save_as(disc / "DICOMDIR")
    try:
        paths = find_images([disc / "DICOMDIR"]).paths
    except InputError as error:
        assert str(disc / "DICOMDIR") in str(error)
        return
    assert len(paths) <= 2
    for path in paths:
        assert path.is_relative_to(disc)
        try:
            read(path)
        except (InputError, ReadError) as error:
            assert str(path) in str(error)


def test_any_damage_to_a_dicomdir_is_an_error_of_our_own(disc) -> None:
    data = (disc / "DICOMDIR").read_bytes()
    rng = random.Random(3)
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 3, 30))):
            damaged[rng.randrange(132, len(data))] = rng.randrange(256)
        (disc / "DICOMDIR").write_bytes(
            damaged[: rng.choice((len(data), rng.randrange(200, len(data))))]
        )
        try:
            find_images([disc / "DICOMDIR"])
        except InputError as error:
            assert str(disc) in str(error)
