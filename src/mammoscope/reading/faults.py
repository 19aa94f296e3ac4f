"""Why a file cannot be used, before its name is known; ``read`` adds the name."""

from __future__ import annotations


class Damaged(Exception):
    """Becomes a :class:`~mammoscope.errors.ReadError`."""


class Refused(Exception):
    """Becomes a :class:`~mammoscope.errors.RefusedError`."""


def check_size(rows: int, columns: int, max_pixels: int) -> None:
    """Refuse an image before anything of its size is allocated.

    Raises
    ------
    Damaged
        If a side is zero.
    Refused
        If it has more than ``max_pixels`` pixels.
    """
    if rows < 1 or columns < 1:
        raise Damaged(f"the image has no pixels: {rows} rows x {columns} columns")
    if rows * columns > max_pixels:
        raise Refused(
            f"{rows} rows x {columns} columns are more than the {max_pixels:,} pixels allowed"
        )


def check_bytes(rows: int, columns: int, bytes_per_pixel: int, max_pixels: int) -> None:
    """Refuse a picture whose channels make it larger than a grey one may be.

    Raises
    ------
    Refused
        If it takes more than four bytes for each of ``max_pixels``.
    """
    if rows * columns * bytes_per_pixel > 4 * max_pixels:
        raise Refused(
            f"{rows} rows x {columns} columns of {bytes_per_pixel} bytes are more than"
            f" {max_pixels:,} pixels may take"
        )
