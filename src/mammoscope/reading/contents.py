"""The bytes of an image file, and no more of them than such an image can have."""

from __future__ import annotations

from pathlib import Path

from mammoscope.files import TooLarge, read_file
from mammoscope.reading.faults import Damaged, Refused
from mammoscope.reading.files import OUTSIDE, is_directory_file


def read_contents(path: Path, most: int) -> bytes:
    """All bytes of a file, of which there may be ``most``.

    Raises
    ------
    Damaged
        If it is no file, cannot be read, or is empty.
    Refused
        If it is larger.
    """
    try:
        data = read_file(path, most)
    except TooLarge as error:
        raise Refused("more bytes than an image of the size allowed can have") from error
    except FileNotFoundError as error:
        raise Damaged("no such file") from error
    except PermissionError as error:
        raise Damaged("no permission to read it") from error
    except OSError as error:
        if is_directory_file(path.parent):
            raise Damaged(OUTSIDE) from error
        raise Damaged(error.strerror or "cannot be read") from error
    if not data:
        raise Damaged("the file is empty")
    return data
