"""From files to values: what both schemas have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from mammoscope.errors import GeometryError, ReadError
from mammoscope.files import PathLike, read_file

Value = TypeVar("Value")


def known(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``values`` that are fields of a dataclass; a later version may say more."""
    names = {field.name for field in fields(kind)}
    return {key: value for key, value in values.items() if key in names}


def load_values(path: PathLike, parse: Callable[[Any], Value], what: str) -> Value:
    """What ``parse`` makes of a JSON file.

    Raises
    ------
    ReadError
        If it cannot be read, is not JSON, or is not ``what``.
    """
    try:
        return parse(json.loads(read_file(path)))
    except OSError as error:
        raise ReadError(path, f"cannot be read: {error.strerror or error}") from error
    except KeyError as error:
        raise ReadError(path, f"not {what}: it lacks {error.args[0]!r}") from error
    except RecursionError as error:
        raise ReadError(path, f"not {what}: nested too deeply") from error
    except (GeometryError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise ReadError(path, f"not {what}: {error}") from error
