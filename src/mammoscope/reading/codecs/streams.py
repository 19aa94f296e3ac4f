"""What the headers of JPEG and JPEG 2000 streams say, read before a decoder sees them.

JPEG: ITU-T T.81 B.2. JPEG-LS, which shares its marker segments: ITU-T T.87 C.2. JPEG 2000:
ITU-T T.800 A.5.1; High-Throughput JPEG 2000 (T.814) has the same image header.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mammoscope.reading.faults import Damaged

_SOI, _EOI, _SOS = b"\xff\xd8", b"\xff\xd9", 0xDA
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
# SOF0 to SOF15 without DHT, JPG and DAC, which lie between them; SOF55 is JPEG-LS.
_FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
# Sample bits of the processes that codecs read: baseline, extended and progressive DCT, lossless
# (T.81 table B.2), JPEG-LS. The others code arithmetically or by hierarchy.
_SAMPLE_BITS = {0xC0: (8,), 0xC1: (8, 12), 0xC2: (8, 12), 0xC3: range(2, 17), 0xF7: range(2, 17)}
_MOST_SCANS, _MOST_SEGMENTS = 500, 1 << 16
# A scan costs time by the image's pixels, however few its bytes are. Progressive pictures have six
# scans, or ten with colours; a large one may have twice as many.
_SCANS, _SCANNED_PIXELS = 20, 1_200_000_000
_SOC_SIZ = b"\xff\x4f\xff\x51"


@dataclass(frozen=True)
class StreamHeader:
    """Size of a compressed image, bits of a sample, and number of components."""

    rows: int
    columns: int
    bits: int
    components: int


def jpeg_header(data: bytes) -> StreamHeader:
    """The frame header of a JPEG or JPEG-LS stream.

    Raises
    ------
    Damaged
        If there is none before the first scan, it is of a process that no codec here reads, or
        there is no end marker after it.
    """
    if data[:2] != _SOI:
        raise Damaged("the compressed image is not a JPEG stream")
    scans = data.count(b"\xff\xda")
    if scans > _MOST_SCANS:
        raise Damaged(f"the JPEG stream has more than {_MOST_SCANS} scans")
    header = None
    at, left = 2, _MOST_SEGMENTS
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise Damaged("the JPEG stream is damaged before its first scan")
        marker = data[at + 1]
        if marker == 0xFF or marker in _STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        left -= 1
        if left < 0:
            raise Damaged(f"the JPEG stream has more than {_MOST_SEGMENTS:,} segments")
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker in _FRAME_HEADERS and at + 10 <= len(data):
            bits, rows, columns, components = struct.unpack_from(">BHHB", data, at + 4)
            if bits not in _SAMPLE_BITS.get(marker, ()):
                raise Damaged(
                    f"its JPEG process (SOF{marker - 0xC0}, {bits} bits) is one that no codec reads"
                )
            header = StreamHeader(rows, columns, bits, components)
        if marker == _SOS:
            break
        at += 2 + length
    if header is None or at + 4 > len(data):
        raise Damaged("the JPEG stream ends before its first scan")
    if scans > _SCANS and scans * header.rows * header.columns > _SCANNED_PIXELS:
        raise Damaged(f"the JPEG stream has {scans} scans, too many for its size")
    # Coded data never holds an end marker: a byte of zero follows every FF (T.81 B.1.1.5), in
    # JPEG-LS a bit of zero (T.87 A.1).
    if data.rfind(_EOI) < at:
        raise Damaged("the JPEG stream is cut short: it has no end marker")
    return header


def jpeg_segment(data: bytes, marker: int, prefix: bytes) -> bytes | None:
    """The first segment of a kind that begins with ``prefix``, without it; None without one."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _SOS:
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if data[at + 1] == marker and body.startswith(prefix):
            return body[len(prefix) :]
        at += 2 + length
    return None


def jpeg2000_header(data: bytes) -> StreamHeader:
    """The image header of a JPEG 2000 codestream, bare or in a JP2 box.

    Raises
    ------
    Damaged
        If there is none, or no end marker after it.
    """
    start = data.find(_SOC_SIZ)
    if start < 0 or len(data) < start + 43:
        raise Damaged("the compressed image is not a JPEG 2000 stream")
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    components, depth = struct.unpack_from(">HB", data, start + 40)
    # Packet data and headers hold no marker above FF8F (T.800 A.1).
    if data.rfind(_EOI) < start:
        raise Damaged("the JPEG 2000 stream is cut short: it has no end marker")
    return StreamHeader(bottom - top, right - left, (depth & 0x7F) + 1, components)
