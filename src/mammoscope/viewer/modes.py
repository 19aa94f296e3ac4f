"""Ways of reading, and what each lets a reader see and when."""

from __future__ import annotations

from enum import StrEnum


class ReadingMode(StrEnum):
    """How a reader and the model come together.

    ``beside`` shows the model's marks at once; ``independent`` only after the reader's own read is
    saved, which cannot be changed then; ``blinded`` never.
    """

    BESIDE = "beside"
    INDEPENDENT = "independent"
    BLINDED = "blinded"


def may_see_model(mode: ReadingMode, own_read_saved: bool) -> bool:
    """Whether what the model says of a study may leave the server.

    Examples
    --------
    >>> may_see_model(ReadingMode.INDEPENDENT, own_read_saved=False)
    False
    """
    return mode is ReadingMode.BESIDE or (mode is ReadingMode.INDEPENDENT and own_read_saved)
