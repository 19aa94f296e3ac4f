"""Which files a user means: files, folders, DICOMDIRs and glob patterns."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from mammoscope.errors import InputError, MammoscopeError
from mammoscope.files import read_file, read_head, real_path
from mammoscope.locations import RemotePath, is_remote, located, of_archive, plain
from mammoscope.naming.outputs import IMAGE_SUFFIXES, name_of, names_by_folder
from mammoscope.reading.dicom.parsing import parse
from mammoscope.reading.dicom.tags import Tags
from mammoscope.reading.faults import Damaged, Refused
from mammoscope.reading.own_results import is_own_result
from mammoscope.reading.quiet import quiet

_DIRECTORY_UID = b"1.2.840.10008.1.3.10"
# The file meta information, which names the SOP class, lies within this.
_HEAD_BYTES = 1024
_DIRECTORY_BYTES = 1 << 28

OUTSIDE = "the DICOMDIR refers to a file outside its folder"
"""Why what such a reference means is not read."""


@dataclass(frozen=True)
class FoundImages:
    """Files to read, sorted and each once, and the other files that lay beside them.

    ``by_folder`` names images whose file names repeat: ``PAT1/IM1`` and ``PAT2/IM1`` are PAT1_IM1
    and PAT2_IM1. ``root`` is the folder that was given, or that all that was given has
    in common; results name their images from there, so that they are the same on another machine.
    """

    paths: tuple[Path, ...]
    ignored: tuple[Path, ...]
    by_folder: Mapping[Path, str] = field(default_factory=dict)
    root: Path | None = None

    def told(self, path: Path) -> str:
        """The path as results tell it: from ``root``, with ``/``; as it is where there is none."""
        if self.root is None:
            return str(path)
        whole = plain(path)
        below = whole.is_relative_to(self.root)
        return whole.relative_to(self.root).as_posix() if below else str(path)

    def name(self, path: Path) -> str:
        """What the image's results are called: its file's name, with its folders if need be."""
        return self.by_folder.get(path, name_of(path))


def find_images(
    paths: Sequence[str | os.PathLike[str]],
    passing_over: Path | None = None,
    name_by_folder: bool = True,
) -> FoundImages:
    """Find the image files that some arguments mean.

    Parameters
    ----------
    paths
        Each a file, always taken, even a missing one; a folder or a zip archive, searched to every
        depth, through links too, for files that may be images by their name or by DICOM's magic, on
        this machine or in a store (see :mod:`mammoscope.locations`); a DICOMDIR, for
        the images it refers to, even missing ones (one outside its folder becomes a path below the
        DICOMDIR, which reading refuses); or a glob pattern (``**`` reaches every depth),
        whose matches are chosen as in a folder. Hidden files of folders are passed over, and so
        are results of earlier runs.
    passing_over
        A folder not to be searched when it lies in one of the folders: that of the results.
    name_by_folder
        Name images whose file names repeat, and only these, by their folders too, below the one
        common to all. Always so for a DICOMDIR, whose file names mean nothing.

    Raises
    ------
    InputError
        If a folder or pattern holds no image, or a folder cannot be listed.
    """
    found: dict[str, Path] = {}
    ignored: dict[str, Path] = {}
    by_folder: dict[Path, str] = {}
    index = set[Path]()
    for argument in paths:
        images, others = _expand(os.fspath(argument), passing_over)
        if images and is_directory_file(located(argument)):
            index.add(located(argument))
            by_folder.update(names_by_folder([p for p in images if p.parent not in index]))
        found.update((str(plain(path)), path) for path in images)
        ignored.update((str(plain(path)), path) for path in others)
        if not images:
            beside = f"; {len(others)} other files were passed over" if others else ""
            raise InputError(argument, f"no images found{beside}")
    if name_by_folder:
        by_folder = names_by_folder([p for p in found.values() if p.parent not in index])
    return FoundImages(
        paths=tuple(sorted(found.values(), key=str)),
        ignored=tuple(sorted((ignored[k] for k in ignored.keys() - found.keys()), key=str)),
        by_folder=by_folder,
        root=_common([located(argument) for argument in paths]),
    )


def _common(arguments: Sequence[Path]) -> Path | None:
    """The folder that all arguments are in, or the only one given; None on several drives."""
    folders = [plain(_folder_of(argument)) for argument in arguments]
    if not any(map(is_remote, folders)):
        try:
            return Path(os.path.commonpath(folders))
        except ValueError:
            return None
    # Of one store: what all begin with.
    common = (each for each in (folders[0], *folders[0].parents) if len(each.parts) > 1)
    return next((c for c in common if all(each.is_relative_to(c) for each in folders)), None)


def _folder_of(argument: Path) -> Path:
    """A folder itself, that of a file, and that below which a pattern looks."""
    if _is_archive(argument):
        return of_archive(argument)
    if argument.is_dir():
        return argument
    folder = argument.parent
    while not argument.exists() and glob.has_magic(str(folder)):
        folder = folder.parent
    return folder


def _expand(argument: str, passing_over: Path | None) -> tuple[list[Path], list[Path]]:
    """Images and other files of one argument."""
    path = located(argument)
    try:
        if _is_archive(path):
            path = of_archive(path)
        if isinstance(path, RemotePath):
            files = _listed(path, passing_over)
            return _choose(iter(files), path, frozenset(files)) if files else ([path], [])
        if path.is_dir():
            return _choose(_walk(path, passing_over), path)
        if path.is_file():
            return (_referenced(path), []) if is_directory_file(path) else ([path], [])
        if path.exists():
            raise InputError(argument, "neither a file nor a folder")
    except OSError as error:
        raise InputError(argument, error.strerror or "cannot be read") from error
    if not glob.has_magic(argument):
        return [path], []  # Reading it will say that it is not there.
    matches = [Path(match) for match in glob.glob(argument, recursive=True)]  # noqa: PTH207 - may be absolute
    files = [match for match in matches if match.is_file()]
    for folder in (match for match in matches if match.is_dir()):
        files.extend(_walk(folder, passing_over))
    if not files:
        raise InputError(argument, "no file matches this pattern")
    return _choose(iter(files), None)


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()


def _listed(place: RemotePath, passing_over: Path | None) -> list[Path]:
    """Every file of a folder in a store, or that fits a pattern; nothing where it is a file."""
    at = next((n for n, part in enumerate(place.parts) if n and glob.has_magic(part)), None)
    found: list[RemotePath] = []
    if at is None:
        found = list(place.files()) if place.is_dir() else []
    else:
        pattern = "/".join(place.parts[at:])
        if "**" in pattern:
            raise InputError(place, "** is not for stores: the folder itself means all below")
        matches = RemotePath(*place.parts[:at]).glob(pattern)
        # To ask what each is would be a request each.
        found = [m for m in matches if m.suffix.lower() in IMAGE_SUFFIXES or m.is_file()]
        if not found:
            raise InputError(place, "no file matches this pattern")
    over = None if passing_over is None else plain(passing_over)
    # As on a disk: the folder that is asked for is searched, be it that of the results.
    over = None if over == place else over
    return [located(path) for path in found if over is None or not path.is_relative_to(over)]


def _walk(folder: Path, passing_over: Path | None) -> Iterator[Path]:
    """Every file; links to folders come last, so that a folder is searched by its own name."""
    seen = {real_path(passing_over)} if passing_over else set()
    to_search = [folder]
    for start in to_search:
        if start != folder and real_path(start) in seen:
            continue
        for path in _below(start, seen):
            if path.is_dir():
                to_search.append(path)
            else:
                yield path


def _below(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Files and linked folders below a folder, without folders already ``seen``."""

    def fail(error: OSError) -> None:
        raise InputError(error.filename or folder, error.strerror or "cannot be listed")

    for parent, folders, names in os.walk(folder, onerror=fail):
        seen.add(real_path(Path(parent)))
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and real_path(Path(parent, name)) not in seen
        )
        yield from (path for name in folders if (path := Path(parent, name)).is_symlink())
        for name in names:
            path = Path(parent, name)
            if not name.startswith(".") and (path.is_file() or path.is_symlink()):
                yield path


def _choose(
    files: Iterator[Path], asked: Path | None, listed: Collection[Path] | None = None
) -> tuple[list[Path], list[Path]]:
    """Images and others; of results, only those of preprocessing in the folder that is asked.

    ``listed`` is all that is there, where looking for a file costs a request.
    """
    images: list[Path] = []
    others: list[Path] = []
    for path in files:
        takes = _may_be_image(path) and not is_own_result(path, asked, listed)
        (images if takes else others).append(path)
    return images, others


def _may_be_image(path: Path) -> bool:
    """By extension; without one, or with a number for one as after a UID, unless plain text."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return True
    try:
        head = _head(path)
    except OSError:
        return not path.suffix  # Reading it will say what is wrong.
    if head[128:132] == b"DICM":
        return _DIRECTORY_UID not in head
    if path.name.upper() == "DICOMDIR":
        return False
    named = not path.suffix or re.fullmatch(r"\.\d+", path.suffix) is not None
    return named and not _is_text(head)


def _is_text(head: bytes) -> bool:
    """Readable text, such as the LICENSE that data collections put beside their images."""
    return bool(head) and re.fullmatch(rb"[\t\n\r\x20-\x7e]*", head) is not None


def is_directory_file(path: Path) -> bool:
    """Whether a file is a DICOMDIR, by its content."""
    try:
        head = _head(path)
    except OSError:
        return False
    return head[128:132] == b"DICM" and _DIRECTORY_UID in head


def _head(path: Path) -> bytes:
    return read_head(path, _HEAD_BYTES)


def _referenced(directory_file: Path) -> list[Path]:
    """The image files that a DICOMDIR refers to (PS3.3 F.3.2.2), whether there or not."""
    try:
        with quiet():
            dataset = parse(read_file(directory_file, _DIRECTORY_BYTES), max_pixels=1 << 26).dataset
            records = Tags(dataset).get("DirectoryRecordSequence") or ()
            images = [r for r in map(Tags, records) if r.text("DirectoryRecordType") == "IMAGE"]
            names = [image.text("ReferencedFileID") for image in images]
            found = [_resolve(directory_file, name) for name in names if name]
    except MammoscopeError:
        raise
    except (Damaged, Refused) as error:
        raise InputError(directory_file, f"the DICOMDIR cannot be read: {error}") from error
    except OSError as error:
        cause = error.strerror or type(error).__name__
        raise InputError(directory_file, f"the DICOMDIR cannot be read: {cause}") from error
    except Exception as error:
        # Parsers fail on damaged bytes in any way; what they say may quote the patient.
        cause = f"damaged ({type(error).__name__} while reading)"
        raise InputError(directory_file, f"the DICOMDIR cannot be read: {cause}") from error
    return found


def _resolve(directory_file: Path, file_id: str) -> Path:
    """A File ID, backslashes between its parts, to a path; case yields to what is on the disk.

    One that leads out of the folder becomes a path below the DICOMDIR, which is no folder: it names
    the record, and nothing can be opened by it.
    """
    outside = directory_file / f"record {quote(file_id, safe=' ')}"
    path = directory_file.parent
    for part in file_id.split("\\"):
        if part in ("", ".", "..") or "/" in part:
            return outside
        exact = path / part
        # As os.path does it: a name that no file can have is that of none.
        if not os.path.exists(exact) and os.path.isdir(path):  # noqa: PTH110, PTH112
            same = sorted(c for c in path.iterdir() if c.name.lower() == part.lower())
            exact = same[0] if same else exact
        path = exact
    # A link in the folder may lead out of it.
    is_inside = real_path(path).is_relative_to(real_path(directory_file.parent))
    return path if is_inside else outside
