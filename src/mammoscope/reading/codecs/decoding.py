"""Compressed bytes to an array, decoded in a helper process (see ``decoder_process``)."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from mammoscope.reading.codecs import process as decoder_process
from mammoscope.reading.faults import Damaged

# Long enough for the largest image allowed on a slow machine: only a codec that hangs meets it.
_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Decoded:
    """An array as the codec gave it, and what the codec printed meanwhile."""

    array: NDArray[Any]
    complaints: str


class _Helper:
    """One helper process, started when first needed and again after every crash."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes] | None:
        """The helper's answer, or None if it died over the request."""
        process = self._running()
        patience = threading.Timer(_PATIENCE_S, process.kill)
        patience.start()
        reply = None
        try:
            decoder_process.send(cast(BinaryIO, process.stdin), request, data)
            reply = decoder_process.receive(cast(BinaryIO, process.stdout))
        except BrokenPipeError:
            pass
        finally:
            patience.cancel()
            if reply is None:
                self.stop()
        return reply

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            try:
                cast(BinaryIO, stream).close()
            except BrokenPipeError:
                continue

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        if self._process is None:
            # -P keeps this folder off sys.path, where its modules would hide others.
            command = [sys.executable, "-P", str(Path(decoder_process.__file__))]
            # OpenCV tells of damage in its log only, which the user may have turned off.
            environment = {**os.environ, "OPENCV_LOG_LEVEL": "ERROR"}
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                )
            except OSError as error:
                raise Damaged(f"the decoder's process cannot be started: {error}") from error
        return self._process


class _Helpers:
    """As many helpers as threads have decoded at one time; the idle ones wait for the next."""

    def __init__(self) -> None:
        self.idle: list[_Helper] = []

    @contextmanager
    def one(self) -> Iterator[_Helper]:
        """A helper that no other thread uses meanwhile."""
        try:
            helper = self.idle.pop()
        except IndexError:
            helper = _Helper()
        try:
            yield helper
        finally:
            self.idle.append(helper)

    def stop(self) -> None:
        """End all processes."""
        while self.idle:
            self.idle.pop().stop()

    def forget(self) -> None:
        """In a forked child: the processes belong to the parent."""
        self.idle = []


_HELPERS = _Helpers()
atexit.register(_HELPERS.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_HELPERS.forget)


def decode(codec: str, data: bytes, **parameters: Any) -> Decoded:
    """Decode one compressed image.

    Parameters
    ----------
    codec
        ``"gdcm"``, ``"openjpeg"`` or ``"opencv"``.
    data
        The compressed stream.
    parameters
        What the codec needs to know besides.

    Returns
    -------
    Decoded
        The array is read-only, of the codec's own shape and dtype.

    Raises
    ------
    Damaged
        If the codec fails, crashes or hangs.
    """
    with _HELPERS.one() as helper:
        answer = helper.ask({"codec": codec, **parameters}, data)
    if answer is None:
        raise Damaged("the compressed image is damaged: it crashed its decoder")
    header, payload = answer
    if "error" in header:
        raise Damaged(f"the compressed image cannot be decoded: {header['error']}")
    array = np.frombuffer(payload, dtype=np.dtype(header["dtype"])).reshape(header["shape"])
    return Decoded(array, header["complaints"])
