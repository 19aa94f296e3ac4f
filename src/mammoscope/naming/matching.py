"""Which image of the truth a prediction's image name means.

Names come with or without extension and folder: ``scans/p1/a.png``, ``a.png`` and ``a`` can be one
image. The best agreement wins: a whole file name before one that fits without its extension, and of
those more agreeing folders before fewer. Each image is taken once, and a tie is an error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_EXTENSION = re.compile(r"(?<=.)\.[A-Za-z][A-Za-z0-9]{0,5}$", re.ASCII)
"""At most six letters and digits and never a leading digit, since DICOM UIDs hold dots too."""

_Path = tuple[str, ...]
_Key = Callable[[str], str]


class AmbiguousName(ValueError):
    """A name fits several images equally well."""


def normalise(name: str) -> str:
    """The name with ``/`` between its folders and no ``.`` among them."""
    return "/".join(_split(name))


def match_names(names: Iterable[str], images: Iterable[str]) -> dict[str, str]:
    """The image that each name means; names that mean none are left out.

    Parameters
    ----------
    names
        The names to look up, normalised, all different.
    images
        The names of the truth, normalised, all different.

    Raises
    ------
    AmbiguousName
        If a name fits several images, or several names one image, and none fits better.
    """
    names, images = list(names), list(images)
    found: dict[str, str] = {}
    for name_key, image_key in ((_whole, _whole), (stem, _whole), (_whole, stem), (stem, stem)):
        left = _Side.of(names, name_key, found)
        right = _Side.of(images, image_key, found.values())
        for depth in range(left.deepest, 0, -1):
            for name, image in _pairs(left, right, depth):
                found[name] = image
                del left.free[name], right.free[image]
    return found


def has_other_extension(name: str, image: str) -> bool:
    """Whether both names carry an extension and it differs."""
    a, b = (_EXTENSION.search(text) for text in (name, image))
    return a is not None and b is not None and a[0] != b[0]


def stem(name: str) -> str:
    """The file name without its extension."""
    return _EXTENSION.sub("", name)


def _whole(name: str) -> str:
    return name


def _split(name: str) -> _Path:
    return tuple(part for part in re.split(r"[/\\]", name) if part not in ("", "."))


@dataclass(frozen=True)
class _Side:
    """The paths of names or of images, as they are compared, by their full name.

    ``free`` are those not matched yet; ``count`` is how often a file name occurs in all.
    """

    free: dict[str, _Path]
    count: Counter[str]

    @classmethod
    def of(cls, names: Iterable[str], key: _Key, taken: Iterable[str]) -> _Side:
        """All ``names``, their last part passed through ``key``."""
        done = set(taken)
        paths = {name: _split(name) for name in names}
        keyed = {name: (*path[:-1], key(path[-1])) for name, path in paths.items()}
        return cls(
            free={name: path for name, path in keyed.items() if name not in done},
            count=Counter(path[-1] for path in keyed.values()),
        )

    @property
    def deepest(self) -> int:
        """Parts of the longest path."""
        return max((len(path) for path in self.free.values()), default=0)

    def by_tail(self, depth: int) -> dict[_Path, list[str]]:
        """The free ones by the last ``depth`` parts of their path."""
        tails: dict[_Path, list[str]] = {}
        for name, path in self.free.items():
            if len(path) >= depth:
                tails.setdefault(path[-depth:], []).append(name)
        return tails


def _pairs(names: _Side, images: _Side, depth: int) -> list[tuple[str, str]]:
    """Pairs of a name and an image whose last ``depth`` parts agree, each with nothing else.

    Where not even the nearest folder agrees, the file name must occur once only on either side:
    ``p3/1.dcm`` is not ``p2/1.dcm`` where every patient has a ``1.dcm``.
    """
    names_at, images_at = names.by_tail(depth), images.by_tail(depth)
    pairs = []
    for tail in (t for t in names_at if t in images_at):
        fitting = [
            (name, image)
            for name in names_at[tail]
            for image in images_at[tail]
            if depth > 1
            or not _in_other_folders(names.free[name], images.free[image])
            or names.count[tail[-1]] == images.count[tail[-1]] == 1
        ]
        if len(fitting) > 1:
            asked = " or ".join(sorted({name for name, _ in fitting})[:3])
            could = " or ".join(sorted({image for _, image in fitting})[:3])
            raise AmbiguousName(f"cannot tell whether {asked} means {could}")
        pairs += fitting
    return pairs


def _in_other_folders(a: _Path, b: _Path) -> bool:
    return len(a) > 1 and len(b) > 1 and a[-2] != b[-2]
