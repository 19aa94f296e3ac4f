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
from mammoscope.reading.contents import read_contents
from mammoscope.reading.faults import Damaged, Refused
from mammoscope.tables import Row, read_table, write_table

TRUTH_COLUMNS = ("scan", "tumour_x_mm", "tumour_y_mm", "tumour_z_mm")
"""What ``scans.csv`` has at least."""

_MOST_BYTES = 1 << 28
"""Of an array as unpacked."""

FARTHEST_MM = 300.0
"""An antenna for a breast is no farther from its base than this."""

_NO_ZIP = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError)
_NO_ARRAY = (ValueError, MemoryError, OverflowError, SyntaxError, TypeError)
"""What numpy makes of a header that lies."""

_SPECTRUM = ("scan", "scan_turned")
_ANTENNA = ("antenna", "x_m", "y_m", "z_m")
_CHANNEL = ("channel", "transmit", "receive")


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
        with zipfile.ZipFile(io.BytesIO(read_contents(file, _MOST_BYTES))) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if "scan.npy" not in members:
                held = ", ".join(name.removesuffix(".npy") for name in members) or "nothing"
                raise ReadError(file, f"holds no array 'scan', but {held}")
            wanted = [name for name in _SPECTRUM if f"{name}.npy" in members]
            if any(members[f"{name}.npy"].file_size > _MOST_BYTES for name in wanted):
                raise ReadError(file, f"an array of more than {_MOST_BYTES:,} bytes is no scan")
            read = {n: io.BytesIO(archive.read(f"{n}.npy")) for n in wanted}
            arrays = {n: np.lib.format.read_array(read[n], allow_pickle=False) for n in wanted}
    except (Damaged, Refused) as error:
        raise ReadError(file, str(error)) from error
    except (*_NO_ZIP, *_NO_ARRAY) as error:
        raise ReadError(file, f"cannot be read as a whole npz file: {error}") from error
    for name, values in arrays.items():
        if values.dtype.kind != "c":
            raise ReadError(file, f"{name} holds {values.dtype}, not complex numbers")
        if not np.isfinite(values).all():
            raise ReadError(file, f"{name} holds values that are not finite")
    return {name: values.astype(np.complex128) for name, values in arrays.items()}


def _array(folder: Path) -> AntennaArray:
    antennas = _numbered(folder / "antennas.csv", _ANTENNA)
    channels = _numbered(folder / "channels.csv", _CHANNEL)
    place = {number: at for at, number in enumerate(antennas)}
    positions = np.array(
        [[row.number(c) * 1000 for c in _ANTENNA[1:]] for row in antennas.values()]
    )
    if np.abs(positions).max() > FARTHEST_MM or np.ptp(positions, axis=0).max() < 1:
        cause = f"positions are not around a breast, within {FARTHEST_MM / 1000:g} m, in metres"
        raise TableError(folder / "antennas.csv", cause)
    if max(channels) != len(channels):
        cause = f"channels are not numbered from 1 to {len(channels)}"
        raise TableError(folder / "channels.csv", cause)
    ends = []
    for _, row in sorted(channels.items()):
        for column in _CHANNEL[1:]:
            if (antenna := row.number(column)) not in place:
                raise row.error(f"column {column!r}: there is no antenna {antenna:g}")
            ends.append(place[int(antenna)])
    return AntennaArray(positions, np.reshape(ends, (-1, 2)))


def _numbered(path: Path, columns: tuple[str, ...]) -> dict[int, Row]:
    """Rows of a table by the whole number from 1 in its first column."""
    found: dict[int, Row] = {}
    for row in read_table(path, columns):
        number = row.number(columns[0])
        if not number.is_integer() or number < 1 or number in found:
            cause = f"{row.text(columns[0])!r} is no whole number from 1, or is there twice"
            raise row.error(f"column {columns[0]!r}: {cause}")
        found[int(number)] = row
    if not found:
        raise TableError(path, "has no rows")
    return found


def _frequencies(folder: Path) -> FloatArray:
    table = read_table(folder / "frequencies.csv", ("frequency_hz",))
    ghz = np.array([row.number("frequency_hz") / 1e9 for row in table])
    if len(ghz) < 2 or (np.diff(ghz) <= 0).any() or ghz[0] < 0.01 or ghz[-1] > 1000:
        cause = "two frequencies at least are wanted, in rising order, 10 MHz to 1 THz, in hertz"
        raise TableError(table.path, cause)
    return ghz


def write_scans(folder: Path, scans: Sequence[Scan], truth: Sequence[dict[str, object]]) -> None:
    """Write scans of one array and the tables beside them, as :func:`read_scan` reads them.

    Parameters
    ----------
    truth
        Rows of ``scans.csv``, all with the same columns, those of :data:`TRUTH_COLUMNS` among them.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    ensure_folder(folder)
    array, frequencies = scans[0].array, scans[0].frequencies_ghz
    antennas = [(n, *(f"{v / 1000:.5f}" for v in at)) for n, at in enumerate(array.antennas_mm, 1)]
    channels = [(n, a + 1, b + 1) for n, (a, b) in enumerate(array.channels.tolist(), 1)]
    hertz = [(round(f * 1e9),) for f in frequencies.tolist()]
    _write_table(folder / "antennas.csv", _ANTENNA, antennas)
    _write_table(folder / "channels.csv", _CHANNEL, channels)
    _write_table(folder / "frequencies.csv", ("frequency_hz",), hertz)
    write_table(folder / "scans.csv", tuple(truth[0]), truth)
    for scan in scans:
        spectra = zip(_SPECTRUM, (scan.signals, scan.turned), strict=True)
        held = {name: each.astype(np.complex64) for name, each in spectra if each is not None}
        write_bytes(folder / f"{scan.name}.npz", npz_bytes(held))


def _write_table(path: Path, columns: tuple[str, ...], rows: Iterable[Iterable[object]]) -> None:
    write_table(path, columns, (dict(zip(columns, row, strict=True)) for row in rows))


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A compressed npz; numpy puts no time of day into it, so that the same gives the same."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()
