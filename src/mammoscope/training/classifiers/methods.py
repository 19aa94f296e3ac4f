"""The ways to classify regions by name: ours, those of other packages, and networks by settings."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from mammoscope.errors import TableError
from mammoscope.plugins import Socket
from mammoscope.training.classifiers.classical import CLASSICAL, OnFeatures
from mammoscope.training.classifiers.deep import OnDeepFeatures
from mammoscope.training.classifiers.ensemble import Ensemble
from mammoscope.training.classifiers.method import Method
from mammoscope.training.classifiers.network import Network
from mammoscope.training.config import DEFAULT_CLASSIFIER, ClassifierConfig, config_file

DEEP = "deep-elm"
"""An extreme learning machine on deep features beside the hand-made ones."""


def _ours() -> dict[str, Method]:
    classical: dict[str, Method] = {each.name: each for each in CLASSICAL.values()}
    trunk = ClassifierConfig.read(DEFAULT_CLASSIFIER)
    return classical | {DEEP: OnDeepFeatures(DEEP, trunk, CLASSICAL["elm"])}


METHODS: Socket[Method] = Socket(
    "mammoscope.methods", _ours(), lambda found: isinstance(found, Method)
)
"""Methods by name; a network is named by its settings instead."""


def find_method(name: str) -> Method:
    """A method by its name, or a network by its settings: a file, or the name of shipped ones.

    Raises
    ------
    TableError
        If there is neither, or the settings cannot be read.
    PluginError
        If another package's method cannot be used.

    Examples
    --------
    >>> find_method("svm").name
    'svm'
    """
    if name in METHODS:
        return METHODS[name]
    path = config_file(Path(name), DEFAULT_CLASSIFIER)
    if not path.exists():
        raise TableError(name, f"is none of {', '.join(METHODS)} and no settings")
    config = ClassifierConfig.read(path)
    beside = config.network.beside
    if not beside:
        return Network(path.stem, config)
    if beside not in METHODS or not isinstance(METHODS[beside], OnFeatures):
        raise TableError(path, f"beside is none of {', '.join(CLASSICAL)}")
    return Ensemble(path.stem, config, cast(OnFeatures, METHODS[beside]))
