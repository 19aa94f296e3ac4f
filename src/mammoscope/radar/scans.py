"""Scans on disk: spectra in ``NAME.npz``, and beside them tables of antennas and frequencies.

A folder holds ``antennas.csv`` (antenna, x_m, y_m, z_m), ``channels.csv`` (channel, transmit,
receive, counted from 1), ``frequencies.csv`` (frequency_hz), optionally ``scans.csv`` (where the
tumours are), and a file for each scan with ``scan`` and, where there is one, ``scan_turned``:
complex arrays, frequencies by channels.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammoscope.errors import ReadError, TableError
from mammoscope.files import ensure_folder, write_bytes
from mammoscope.geometry import FloatArray
from mammoscope.radar.arrays import AntennaArray
from mammoscope.radar.beamforming import Complex
from mammoscope.tables import Row, Table, read_table, write_table

TRUTH_COLUMNS = ("scan", "phantom", "tumour_x_mm", "tumour_y_mm", "tumour_z_mm")
"""What ``scans.csv`` has at least."""

_MOST_BYTES = 1 << 28
"""Of an array as unpacked."""

_FARTHEST_MM = 300.0
"""An antenna for a breast is no farther from its base than this."""

_SPECTRUM = ("scan", "scan_turned")


@dataclass(frozen=True, eq=False)
class Scan:
    """One breast heard by all channels.

    Parameters
    ----------
    name
        Of the file, without its ending.
    array
        Antennas and channels.
    frequencies_ghz
        (F,), in rising order.
    signals
        Spectra (F, C); a delay by t is a factor ``exp(-2 pi i f t)``.
    turned
        The same of the breast after a turn about z; None where it was not measured.
    """

    name: str
    array: AntennaArray
    frequencies_ghz: FloatArray
    signals: Complex
    turned: Complex | None


def read_scan(path: str | os.PathLike[str]) -> Scan:
    """Read a scan and the tables beside it.

    Raises
    ------
    ReadError
        If the file is not there, is no npz, or holds pickled objects, other shapes than the tables
        say, or values that are no finite complex numbers.
    TableError
        If a table lacks a column, or a value in it cannot be meant.
    """
    file = Path(path)
    arrays = _spectra(file)
    array, frequencies = _array(file.parent), _frequencies(file.parent)
    shape = (len(frequencies), len(array.channels))
    for name, values in arrays.items():
        if values.shape != shape:
            cause = f"{name} is {values.shape}; the tables say {shape}: frequencies by channels"
            raise ReadError(file, cause)
    return Scan(file.stem, array, frequencies, arrays["scan"], arrays.get("scan_turned"))


def _spectra(file: Path) -> dict[str, Complex]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if "scan.npy" not in members:
                held = ", ".join(name.removesuffix(".npy") for name in members) or "nothing"
                raise ReadError(file, f"holds no array 'scan', but {held}")
            wanted = [name for name in _SPECTRUM if f"{name}.npy" in members]
            if any(members[f"{name}.npy"].file_size > _MOST_BYTES for name in wanted):
                raise ReadError(file, f"an array of more than {_MOST_BYTES:,} bytes is no scan")
            return {name: _values(file, name, archive.read(f"{name}.npy")) for name in wanted}
    except FileNotFoundError as error:
        raise ReadError(file, "no such file") from error
    except OSError as error:
        raise ReadError(file, error.strerror or "cannot be read") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise ReadError(file, f"not a whole npz file: {error}") from error


def _values(file: Path, name: str, data: bytes) -> Complex:
    try:
        values = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (ValueError, MemoryError, EOFError, OverflowError, SyntaxError, TypeError) as error:
        raise ReadError(file, f"{name} cannot be read: {error}") from error
    if values.dtype.kind != "c":
        raise ReadError(file, f"{name} holds {values.dtype}, not complex numbers")
    if not np.isfinite(values).all():
        raise ReadError(file, f"{name} holds values that are not finite")
    return values.astype(np.complex128)


def _array(folder: Path) -> AntennaArray:
    antennas = read_table(folder / "antennas.csv", ("antenna", "x_m", "y_m", "z_m"))
    channels = read_table(folder / "channels.csv", ("channel", "transmit", "receive"))
    number = {_whole(row, "antenna"): at for at, row in enumerate(antennas)}
    _all_different(antennas, number, "antenna")
    positions = np.array(
        [[row.number(c) * 1000 for c in ("x_m", "y_m", "z_m")] for row in antennas]
    )
    if np.abs(positions).max() > _FARTHEST_MM or np.ptp(positions, axis=0).max() < 1:
        cause = f"positions are not around a breast, within {_FARTHEST_MM / 1000:g} m, in metres"
        raise TableError(antennas.path, cause)
    order = {_whole(row, "channel"): row for row in channels}
    _all_different(channels, order, "channel")
    if sorted(order) != list(range(1, len(channels) + 1)):
        raise TableError(channels.path, f"channels are not numbered from 1 to {len(channels)}")
    ends = np.array(
        [[_of(number, order[n], c) for c in ("transmit", "receive")] for n in sorted(order)]
    )
    return AntennaArray(positions, ends)


def _frequencies(folder: Path) -> FloatArray:
    table = read_table(folder / "frequencies.csv", ("frequency_hz",))
    ghz = np.array([row.number("frequency_hz") / 1e9 for row in table])
    if len(ghz) < 2 or (np.diff(ghz) <= 0).any():
        raise TableError(table.path, "at least two frequencies are wanted, in rising order")
    if ghz[0] < 0.01 or ghz[-1] > 1000:
        raise TableError(table.path, "frequencies are not from 10 MHz to 1 THz, in hertz")
    return ghz


def _whole(row: Row, column: str) -> int:
    value = row.number(column)
    if not value.is_integer() or value < 1:
        raise row.error(f"column {column!r}: {row.text(column)!r} is not a whole number from 1")
    return int(value)


def _of(number: dict[int, int], row: Row, column: str) -> int:
    antenna = _whole(row, column)
    if antenna not in number:
        raise row.error(f"column {column!r}: there is no antenna {antenna}")
    return number[antenna]


def _all_different(table: Table, found: Iterable[int], column: str) -> None:
    if not len(table):
        raise TableError(table.path, "has no rows")
    if len(list(found)) < len(table):
        raise TableError(table.path, f"column {column!r} names one twice")


def write_scans(folder: Path, scans: Sequence[Scan], truth: Sequence[dict[str, object]]) -> None:
    """Write scans of one array and the tables beside them, as :func:`read_scan` reads them.

    Parameters
    ----------
    truth
        Rows of ``scans.csv``, all with the same columns, those of :data:`TRUTH_COLUMNS` first.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    ensure_folder(folder)
    array, frequencies = scans[0].array, scans[0].frequencies_ghz
    antennas = [
        {
            "antenna": n + 1,
            **{c: f"{v / 1000:.5f}" for c, v in zip(("x_m", "y_m", "z_m"), at, strict=True)},
        }
        for n, at in enumerate(array.antennas_mm)
    ]
    write_table(folder / "antennas.csv", ("antenna", "x_m", "y_m", "z_m"), antennas)
    ends = enumerate(array.channels.tolist(), 1)
    rows = [{"channel": n, "transmit": a + 1, "receive": b + 1} for n, (a, b) in ends]
    write_table(folder / "channels.csv", ("channel", "transmit", "receive"), rows)
    hertz = [{"frequency_hz": round(f * 1e9)} for f in frequencies.tolist()]
    write_table(folder / "frequencies.csv", ("frequency_hz",), hertz)
    write_table(folder / "scans.csv", tuple(truth[0]), truth)
    for scan in scans:
        spectra = (scan.signals, scan.turned)
        held = {n: s for n, s in zip(_SPECTRUM, spectra, strict=True) if s is not None}
        write_bytes(
            folder / f"{scan.name}.npz",
            npz_bytes({n: s.astype(np.complex64) for n, s in held.items()}),
        )


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An npz without the time of day, so that the same scan gives the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, values in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, values, allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED
            )
    return file.getvalue()
