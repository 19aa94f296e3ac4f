"""Which image a name means: the one answer for metadata, truth, boxes, predictions and results.

Names come with or without extension and folder: ``scans/p1/a.png``, ``a.png`` and ``a`` can be one
image. The best agreement wins: a whole file name before one that fits without its extension, and of
those more agreeing folders before fewer. Each image is taken once. A name that fits two images
equally well is an error, also where a better name has taken one of them: what is left over is not
what was meant.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product

_EXTENSION = re.compile(r"(?<=.)\.[A-Za-z][A-Za-z0-9]{0,5}$", re.ASCII)
"""At most six letters and digits and never a leading digit, since DICOM UIDs hold dots too."""

_Path = tuple[str, ...]
_Key = Callable[[str], str]


class AmbiguousName(ValueError):
    """A name fits several images equally well, or an image several names.

    Parameters
    ----------
    names, images
        Those that fit each other, a few of each.
    """

    def __init__(self, names: Sequence[str], images: Sequence[str]) -> None:
        self.names, self.images = names, images
        asked, could = (" or ".join(each) for each in (names, images))
        super().__init__(f"cannot tell whether {asked} means {could}")


def normalise(name: str) -> str:
    """The name with ``/`` between its folders and no ``.`` among them."""
    return "/".join(_split(name))


def match_names(names: Iterable[str], images: Iterable[str], moved: bool = True) -> dict[str, str]:
    """The image that each name means; names that mean none are left out.

    Parameters
    ----------
    names
        The names to look up, all different.
    images
        The names of the images, all different.
    moved
        The images may lie in other folders than when they were named, so a file name that occurs
        once on either side is enough. False: the folders of a name are where its image lies.

    Raises
    ------
    AmbiguousName
        If a name fits several images, or several names one image, and none fits better.

    Examples
    --------
    >>> match_names(["a", "p2/1.dcm"], ["scans/a.png", "p1/1.dcm", "p2/1.dcm"])
    {'p2/1.dcm': 'p2/1.dcm', 'a': 'scans/a.png'}
    """
    names, images = list(names), list(images)
    found: dict[str, str] = {}
    for name_key, image_key in ((_whole, _whole), (stem, _whole), (_whole, stem), (stem, stem)):
        left = _Side.of(names, name_key, found)
        right = _Side.of(images, image_key, found.values())
        for depth in range(min(left.deepest, right.deepest), 0, -1):
            for name, image in _pairs(left, right, depth, moved):
                found[name] = image
                left.free.discard(name)
                right.free.discard(image)
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

    paths: dict[str, _Path]
    free: set[str]
    count: Counter[str]

    @classmethod
    def of(cls, names: Iterable[str], key: _Key, taken: Iterable[str]) -> _Side:
        """All ``names``, their last part passed through ``key``."""
        whole = {name: path for name in names if (path := _split(name))}
        paths = {name: (*path[:-1], key(path[-1])) for name, path in whole.items()}
        count = Counter(path[-1] for path in paths.values())
        return cls(paths, paths.keys() - set(taken), count)

    @property
    def deepest(self) -> int:
        """Parts of the longest path that is not matched yet."""
        return max((len(self.paths[name]) for name in self.free), default=0)

    def by_tail(self, depth: int) -> dict[_Path, list[str]]:
        """All of them by the last ``depth`` parts of their path."""
        tails: dict[_Path, list[str]] = {}
        for name, path in self.paths.items():
            if len(path) >= depth:
                tails.setdefault(path[-depth:], []).append(name)
        return tails


def _pairs(names: _Side, images: _Side, depth: int, moved: bool) -> list[tuple[str, str]]:
    """Free pairs of a name and an image whose last ``depth`` parts agree, each with nothing else.

    Where not even the nearest folder agrees, the file name must occur once only on either side:
    ``p3/1.dcm`` is not ``p2/1.dcm`` where every patient has a ``1.dcm``.
    """
    names_at, images_at = names.by_tail(depth), images.by_tail(depth)
    pairs = []
    for tail, left in names_at.items():
        right = images_at.get(tail, [])
        if names.free.isdisjoint(left) or images.free.isdisjoint(right):
            continue
        if moved and (depth > 1 or names.count[tail[-1]] == images.count[tail[-1]] == 1):
            whole_left, whole_right = left, right
        else:
            whole_left = [name for name in left if len(names.paths[name]) == depth]
            whole_right = [i for i in right if moved and len(images.paths[i]) == depth]
        pair = _only_pair(names.free, images.free, (left, right), (whole_left, whole_right))
        pairs += [pair] if pair else []
    return pairs


_Names = list[str]


def _only_pair(
    free_names: set[str],
    free_images: set[str],
    all_of: tuple[_Names, _Names],
    whole: tuple[_Names, _Names],
) -> tuple[str, str] | None:
    """The free name and image that fit each other and nothing else; None where none fit.

    Of ``all_of`` the names and images with one end of a path, those of ``whole`` fit every other.
    """
    (left, right), (whole_left, whole_right) = all_of, whole
    # Enough to see a tie: every patient may have the same file names.
    fitting = {
        *product(_few(whole_left, free_names), _few(right, free_images)),
        *product(_few(left, free_names), _few(whole_right, free_images)),
    }
    free = [(n, i) for n, i in fitting if n in free_names and i in free_images]
    tied = {pair for pair in fitting if any(pair[0] == n or pair[1] == i for n, i in free)}
    if len(tied) > 1:
        raise AmbiguousName(*(sorted(set(each))[:3] for each in zip(*tied, strict=True)))
    return free[0] if free else None


def _few(names: _Names, free: set[str]) -> _Names:
    """Enough of ``names`` for all that is asked of them, the free ones first."""
    return sorted(names, key=lambda name: (name not in free, name))[:4]
