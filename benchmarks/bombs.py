"""Small files that swell, and what each costs: time and memory of reading it, in a fresh process.

Seconds are of the processor, of the reader and its decoder together: a busy machine does not change
them.

Every file is made here, below 10 MB, and as large inside as the bounds let through, or far larger.
What comes of it is the picture or an error of our own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import gdcm
import numpy as np
from memory import children_peak, own_peak
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from mammoscope.phantom import StudyOptions, write_studies

ROWS = COLUMNS = 7745
"""Just below the 60 million pixels that are allowed."""

MOST_BYTES, MOST_SECONDS, LARGEST = 1_500_000_000, 30, 10_000_000

Maker = Callable[[Path], None]


def _flat(bits: int = 16, channels: int = 1) -> np.ndarray:
    kind = np.uint8 if bits == 8 else np.uint16
    return np.full((ROWS, COLUMNS, channels)[: 2 + (channels > 1)], 7, kind)


def _plain(folder: Path) -> Dataset:
    """A mammogram of two bytes a pixel, without pixels."""
    options = StudyOptions(seed=1, rows=160, encoding="linear", png=False)
    dataset = dcmread(write_studies(folder / "phantom", options).images[0])
    dataset.Rows, dataset.Columns, dataset.BitsStored, dataset.HighBit = ROWS, COLUMNS, 12, 11
    return dataset


def _native(folder: Path) -> Path:
    dataset = _plain(folder)
    dataset.PixelData = _flat().tobytes()
    dataset.save_as(folder / "native.dcm")
    return folder / "native.dcm"


def _by_gdcm(uid: str) -> Maker:
    def make(path: Path) -> None:
        reader = gdcm.ImageReader()
        reader.SetFileName(str(_native(path.parent)))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(uid)))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()

    return make


def _by_pydicom(uid: str) -> Maker:
    def make(path: Path) -> None:
        dataset = dcmread(_native(path.parent))
        dataset.compress(uid, generate_instance_uid=False)
        dataset.save_as(path)

    return make


def _deflated(size: int) -> Maker:
    def make(path: Path) -> None:
        dataset = _plain(path.parent)
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.PixelData = bytes(size)
        dataset.save_as(path)

    return make


def _picture(end: str, bits: int, channels: int = 1, options: tuple[int, ...] = ()) -> Maker:
    def make(path: Path) -> None:
        # 64 bits to a pixel are half as many pixels.
        flat = np.zeros((ROWS, COLUMNS // 2)) if bits == 64 else _flat(bits, channels)
        path.write_bytes(cv2.imencode(end, flat, list(options))[1].tobytes())

    return make


def _scans(count: int, dicom: bool = False) -> Maker:
    """A progressive JPEG whose last scan comes again and again."""

    def make(path: Path) -> None:
        progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
        data = cv2.imencode(".jpg", _flat(8), progressive)[1].tobytes()
        last = data.rindex(b"\xff\xda")
        data = data[:-2] + count * data[last:-2] + data[-2:]
        if not dicom:
            path.write_bytes(data)
            return
        dataset = _plain(path.parent)
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        dataset.PixelData = encapsulate([data])
        dataset["PixelData"].VR = "OB"
        dataset.save_as(path)

    return make


def _many_tags(body: bytes) -> Maker:
    """Something before the pixels of a small mammogram, by implicit VR."""

    def make(path: Path) -> None:
        options = StudyOptions(seed=1, rows=160, encoding="linear", png=False)
        dataset = dcmread(write_studies(path.parent / "phantom", options).images[0])
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        dataset.save_as(path, implicit_vr=True, little_endian=True)
        data = path.read_bytes()
        at = data.index(struct.pack("<HH", 0x7FE0, 0x0010))
        path.write_bytes(data[:at] + body + data[at:])

    return make


_SEQUENCE = struct.pack("<HHI", 0x7FD1, 0x0010, 0xFFFFFFFF)
_ITEM, _OPEN_ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0), b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
_NAMED = struct.pack("<HHI", 0x0040, 0x0555, 0xFFFFFFFF)


def _items(count: int) -> Maker:
    def make(path: Path) -> None:
        dataset = dcmread(_native(path.parent))
        dataset.file_meta.TransferSyntaxUID = RLELossless
        dataset.PixelData = count * _ITEM + _END
        dataset["PixelData"].is_undefined_length = True
        dataset["PixelData"].VR = "OB"
        dataset.save_as(path)

    return make


def _png(header: bytes, size: int) -> Maker:
    """A PNG of zeros, its header but width and height as given."""

    def make(path: Path) -> None:
        packer = zlib.compressobj(9)
        parts = [packer.compress(bytes(1 << 20)) for _ in range(-(-size >> 20))]
        packed = b"".join((*parts, packer.flush()))
        start = struct.pack(">II", COLUMNS, ROWS) + header
        chunks = ((b"IHDR", start), (b"IDAT", packed), (b"IEND", b""))
        body = b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)

    return make


def _text(data: bytes) -> Maker:
    def make(path: Path) -> None:
        path.write_bytes(data)

    return make


_TIFF = cv2.IMWRITE_TIFF_COMPRESSION
BOMBS: dict[str, tuple[str, Maker]] = {
    "deflated, as large as allowed": (".dcm", _deflated(2 * ROWS * COLUMNS)),
    "deflated, 2 GB": (".dcm", _deflated(2_000_000_000)),
    "run lengths": (".dcm", _by_pydicom(RLELossless)),
    "JPEG 2000": (".dcm", _by_pydicom(JPEG2000Lossless)),
    "JPEG-LS": (".dcm", _by_gdcm(JPEGLSLossless)),
    "JPEG Lossless": (".dcm", _by_gdcm(JPEGLosslessSV1)),
    "JPEG of 10 more scans": (".jpg", _scans(10)),
    "JPEG of 480 more scans": (".jpg", _scans(480)),
    "the same in DICOM": (".dcm", _scans(480, dicom=True)),
    "900,000 elements": (".dcm", _many_tags(900_000 * struct.pack("<HHI", 0x7FD1, 0x0010, 0))),
    "490,000 items": (".dcm", _many_tags(_NAMED + 490_000 * _ITEM + _END)),
    "nested 300,000 deep": (".dcm", _many_tags(300_000 * (_NAMED + _OPEN_ITEM))),
    "a million fragments": (".dcm", _items(1_000_000)),
    "490,000 fragments": (".dcm", _items(490_000)),
    "PNG of 16 bits": (".png", _picture(".png", 16)),
    "PNG of 4 channels": (".png", _picture(".png", 8, 4)),
    "PNG of 4 channels of 16 bits": (".png", _picture(".png", 16, 4)),
    "PNG of 1 bit": (".png", _png(b"\1\0\0\0\0", ROWS * (COLUMNS // 8 + 2))),
    "PNG, interlaced": (".png", _png(b"\x10\0\0\0\1", 2 * ROWS * COLUMNS + 4 * ROWS + (1 << 20))),
    "PNG that holds 4 GB": (".png", _png(b"\x10\0\0\0\0", 4 << 30)),
    "TIFF, zlib": (".tif", _picture(".tif", 16, 1, (_TIFF, 8))),
    "TIFF, LZW": (".tif", _picture(".tif", 16, 1, (_TIFF, 5))),
    "TIFF, LZW, a strip a row": (".tif", _picture(".tif", 16, 1, (_TIFF, 5, 278, 1))),
    "TIFF, PackBits": (".tif", _picture(".tif", 8, 1, (_TIFF, 32773))),
    "TIFF of 64-bit fractions": (".tif", _picture(".tif", 64, 1, (_TIFF, 5))),
    "PGM of text": (".pgm", _text(b"P2 2230 2230 1\n" + 2230 * 2230 * b"1 ")),
    "PGM of comments": (".pgm", _text(b"P5 " + 4_900_000 * b"#\n")),
    "JSON, nested": (".json", _text(4_900_000 * b"[" + 4_900_000 * b"]")),
    "table of 3 million columns": (".csv", _text(b"image" + 3_000_000 * b",a")),
    "table of 1.9 million rows": (".csv", _text(b"image,view\n" + 1_900_000 * b"a,CC\n")),
    "table that opens a quote": (".csv", _text(b'image,view\n"' + 4_900_000 * b",\n")),
}


def _use(path: Path) -> str:
    from mammoscope.errors import MammoscopeError
    from mammoscope.models import read_card
    from mammoscope.reading import load_metadata, read

    uses = {".json": read_card, ".csv": load_metadata}
    try:
        uses.get(path.suffix, read)(path)
    except MammoscopeError as error:
        return re.sub(r"\s+", " ", str(error).removeprefix(f"{path}: "))[:90]
    return "read"


def _of_children() -> float:
    """Seconds of processor of the decoders that still run, and of those that have ended."""
    ended = os.times()
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:13])) if int(fields[1]) == os.getpid() else 0
    return ended.children_user + ended.children_system + ticks / os.sysconf("SC_CLK_TCK")


def one(path: Path) -> None:
    """Read a file and print what came of it, as JSON."""
    before = time.process_time()
    cause = _use(path)
    seconds = time.process_time() - before + _of_children()
    peak = own_peak() + (children_peak() or 0)
    print(json.dumps({"came": cause, "seconds": seconds, "peak": peak}))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=Path, help="read this file and say what it cost")
    parser.add_argument("--only", default="", help="only kinds whose name holds this")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.one:
        one(arguments.one)
        return
    broken = 0
    print("| kind | bytes | s | MB | what came |\n|---|---|---|---|---|")
    for name, (suffix, make) in BOMBS.items():
        if arguments.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"bomb{suffix}")
            make(path)
            size = path.stat().st_size
            assert size < LARGEST, (name, size)
            command = [sys.executable, __file__, "--one", str(path)]
            told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        broken += told["seconds"] > MOST_SECONDS or told["peak"] > MOST_BYTES
        cost = f"{told['seconds']:.1f} | {told['peak'] / 1e6:.0f}"
        print(f"| {name} | {size:,} | {cost} | {told['came']} |", flush=True)
    sys.exit(broken > 0)


if __name__ == "__main__":
    main()
