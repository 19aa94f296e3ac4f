"""What others plug in: objects found by entry points, one loader for every socket.

A package that is installed beside this one names an object under one of the groups of
:data:`GROUPS` in its ``pyproject.toml``; it is found by its name from then on, as ours are::

    [project.entry-points."mammoscope.datasets"]
    my-hospital = "my_package.adapters:ADAPTER"

Nothing is imported before it is asked for, and what cannot be loaded costs only whoever asks for
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import metadata
from typing import Any, Generic, TypeVar, cast

from mammoscope.errors import PluginError

GROUPS = {
    "mammoscope.datasets": "data set adapters",
    "mammoscope.detectors": "detectors",
    "mammoscope.classifiers": "classifiers of regions",
    "mammoscope.families": "detector families that can be trained",
    "mammoscope.methods": "ways to classify regions that can be trained",
    "mammoscope.figures": "figures of an evaluation",
    "mammoscope.outputs": "outputs of a run",
    "mammoscope.dicom": "DICOM objects made of results",
    "mammoscope.commands": "commands",
}
"""Groups of entry points, each with what is found there."""

T = TypeVar("T")


class Socket(Generic[T]):
    """Objects of one kind by name: ours, and those that other packages plug in.

    Parameters
    ----------
    group
        One of :data:`GROUPS`.
    own
        Ours, by name, in the order in which they are listed.
    fits
        Tells whether an object is what the socket takes, such as ``isinstance`` of a protocol.

    Examples
    --------
    >>> socket = Socket("mammoscope.figures", {"ap": 1.0}, lambda found: isinstance(found, float))
    >>> socket["ap"]
    1.0
    """

    def __init__(self, group: str, own: Mapping[str, T], fits: Callable[[Any], bool]) -> None:
        self.group, self._own, self._fits = group, dict(own), fits

    @property
    def names(self) -> tuple[str, ...]:
        """Names of ours, then of others' in alphabetical order."""
        return (*self._own, *sorted(self._found.keys() - self._own.keys()))

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __getitem__(self, name: str) -> T:
        """The object called ``name``.

        Raises
        ------
        PluginError
            If there is none, two packages give one, or it cannot be loaded or does not fit.
        """
        what, given = GROUPS[self.group], self._found.get(name, ())
        if name in self._own:
            return self._own[name]
        if not given:
            raise PluginError(name, f"not among the {what}: {', '.join(self.names)}")
        if len(given) > 1:
            owners = " and ".join(sorted(_owner(each) for each in given))
            raise PluginError(name, f"{owners} both give {what} of this name")
        try:
            found = given[0].load()
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            raise PluginError(name, f"{_owner(given[0])} cannot be loaded: {cause}") from error
        if not self._fits(found):
            raise PluginError(name, f"what {_owner(given[0])} gives does not fit {what}")
        return cast(T, found)

    @cached_property
    def _found(self) -> dict[str, tuple[metadata.EntryPoint, ...]]:
        found: dict[str, tuple[metadata.EntryPoint, ...]] = {}
        for entry in metadata.entry_points(group=self.group):
            found[entry.name] = (*found.get(entry.name, ()), entry)
        return found


def _owner(entry: metadata.EntryPoint) -> str:
    """The distribution that gives an entry point, or what it points to where that is unknown."""
    return entry.dist.name if entry.dist is not None else entry.value
