"""Decodes compressed images in a process of its own; run as a script by ``decoding``.

Codecs written in C and C++ can abort the process on a damaged stream (GDCM 3.2 does) or write to
its standard error. Here that ends or reaches this process only. It imports a codec when it is
first asked for, so that starting it takes little longer than starting Python.

Messages both ways are a JSON object and bytes, each after its length.
"""

from __future__ import annotations

import json
import math
import os
import signal
import struct
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_LENGTHS = struct.Struct("<IQ")


def send(stream: BinaryIO, header: dict[str, Any], payload: bytes | memoryview = b"") -> None:
    """Write one message."""
    text = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(text), len(payload)))
    stream.write(text)
    stream.write(payload)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one message; None at the end of the stream."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    text_length, payload_length = _LENGTHS.unpack(lengths)
    text, payload = stream.read(text_length), stream.read(payload_length)
    if len(text) < text_length or len(payload) < payload_length:
        return None
    return json.loads(text), payload


def _gdcm(data: bytes, *, syntax: str, rows: int, columns: int, bits: int) -> Array:
    """JPEG of every process, and JPEG-LS: cells of 8 or 16 bits holding ``bits`` bits."""
    import gdcm
    import numpy as np

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation.MONOCHROME2
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    cell = 8 if bits <= 8 else 16
    image.SetPixelFormat(gdcm.PixelFormat(1, cell, bits, bits - 1, 0))
    text = image.GetBuffer()
    if text is None:
        raise ValueError("the codec gave up")
    # GDCM's Python binding hands bytes over as str.
    buffer = text.encode("utf-8", "surrogateescape")
    if len(buffer) != rows * columns * cell // 8:
        raise ValueError(f"the codec gave {len(buffer)} bytes for {rows} x {columns} pixels")
    return np.frombuffer(buffer, dtype=f"u{cell // 8}").reshape(rows, columns)


def _openjpeg(data: bytes) -> Array:
    """JPEG 2000 and High-Throughput JPEG 2000."""
    from openjpeg.utils import decode

    return decode(data)


def _opencv(data: bytes) -> Array:
    """PNG, TIFF and JPEG files; colours come as BGR."""
    import cv2
    import numpy as np

    array = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise ValueError("the codec gave up")
    return array


_CODECS: dict[str, Callable[..., Array]] = {
    "gdcm": _gdcm,
    "openjpeg": _openjpeg,
    "opencv": _opencv,
}


_MODULES = {"gdcm": "gdcm", "openjpeg": "openjpeg.utils", "opencv": "cv2"}


def _limit(seconds: float, bytes: float) -> None:
    """Allow so much more processor time and memory than this process has taken up to now."""
    try:
        import resource
    except ImportError:
        return  # Windows has neither limit; the parent's patience ends there as well.
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(used.ru_utime + used.ru_stime + seconds)
    _set_limit(resource.RLIMIT_CPU, until)
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return  # Not Linux.
    _set_limit(resource.RLIMIT_AS, pages * resource.getpagesize() + int(bytes))


def _lift_limits() -> None:
    try:
        import resource
    except ImportError:
        return
    for which in (resource.RLIMIT_CPU, resource.RLIMIT_AS):
        _set_limit(which, resource.RLIM_INFINITY)


def _set_limit(which: int, soft: int) -> None:
    import resource

    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        soft = hard if soft == resource.RLIM_INFINITY else min(soft, hard)
    resource.setrlimit(which, (soft, hard))


def _answer(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes | memoryview]:
    import numpy as np

    codec = request.pop("codec")
    try:
        _lift_limits()  # Another codec's libraries are no part of an image's size.
        import_module(_MODULES[codec])
        _limit(**request.pop("limits"))
        array = np.ascontiguousarray(_CODECS[codec](data, **request))
    except ImportError as error:
        return {"error": f"the codec is not installed ({error})"}, b""
    except MemoryError:
        return {"error": "it asks for more memory than an image of its size can need"}, b""
    except Exception as error:
        cause = str(error).rpartition(": ")[2] or type(error).__name__
        return {"error": cause[:120]}, b""
    return {"shape": array.shape, "dtype": array.dtype.str}, array.data.cast("B")


def main() -> None:
    """Answer requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with tempfile.TemporaryFile() as complaints, requests, replies:
        # What a codec prints must neither mix with the replies nor reach the terminal.
        os.dup2(complaints.fileno(), 1)
        os.dup2(complaints.fileno(), 2)
        while (request := receive(requests)) is not None:
            complaints.seek(0)
            complaints.truncate()
            header, payload = _answer(*request)
            complaints.seek(0)
            header["complaints"] = complaints.read(4096).decode("utf-8", "replace")
            send(replies, header, payload)


if __name__ == "__main__":
    main()
