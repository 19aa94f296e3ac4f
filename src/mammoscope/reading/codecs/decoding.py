"""Compressed bytes to an array, decoded in a helper process (see ``process``)."""

from __future__ import annotations

import atexit
import os
import signal
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

# Several times what the slowest codec takes on a slow processor, and within half a minute for
# everything that fits into 10 MB and into the pixels allowed by default.
_PATIENCE_S, _S_PER_SAMPLE, _S_PER_BYTE = 4.0, 2e-7, 4e-7
# A process that gets no processor is not to blame: on the clock it has many times as long.
_WALL_S, _WALL_TIMES = 60.0, 8.0
_BYTES, _BYTES_PER_SAMPLE = 128 << 20, 20


@dataclass(frozen=True)
class Decoded:
    """An array as the codec gave it, and what the codec printed meanwhile."""

    array: NDArray[Any]
    complaints: str


class _Died(Exception):
    """The helper ended over a request: by a crash, for its time was up, or killed by others."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class _Helper:
    """One helper process, started when first needed and again after every crash."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(
        self, request: dict[str, Any], data: bytes, patience_s: float
    ) -> tuple[dict[str, Any], bytes]:
        """The helper's answer.

        Raises
        ------
        _Died
            If it ended over the request.
        """
        process = self._running()
        out_of_patience = threading.Event()

        def end() -> None:
            out_of_patience.set()
            process.kill()

        patience = threading.Timer(patience_s, end)
        patience.start()
        reply = None
        try:
            decoder_process.send(cast(BinaryIO, process.stdin), request, data)
            reply = decoder_process.receive(cast(BinaryIO, process.stdout))
        except BrokenPipeError:
            pass
        finally:
            patience.cancel()
            code = None if reply is not None else self.stop()
        if reply is None:
            too_slow = out_of_patience.is_set() or code == -getattr(signal, "SIGXCPU", 24)
            killed = code in (-getattr(signal, "SIGKILL", 9), -signal.SIGTERM)
            raise _Died("slow" if too_slow else "killed" if killed else "crashed")
        return reply

    def stop(self) -> int | None:
        """End the process, if there is one, and say how it ended if it had by itself."""
        process, self._process = self._process, None
        if process is None:
            return None
        try:
            # Its end of the pipe closes a moment before it can be waited for.
            code = process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            code = None
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            try:
                cast(BinaryIO, stream).close()
            except BrokenPipeError:
                continue
        return code

    def end(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()
        self.stop()

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
        self._changed = threading.Condition()
        self._busy = 0
        self._is_reserved = False

    @contextmanager
    def one(self, alone: bool = False) -> Iterator[_Helper]:
        """A helper that no other thread uses meanwhile; ``alone``, no other is at work at all."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_reserved)
            if alone:
                self._is_reserved = True
                self._changed.wait_for(lambda: self._busy == 0)
            self._busy += 1
        try:
            helper = self.idle.pop()
        except IndexError:
            helper = _Helper()
        try:
            yield helper
        finally:
            self.idle.append(helper)
            with self._changed:
                self._busy -= 1
                self._is_reserved = self._is_reserved and not alone
                self._changed.notify_all()

    def stop(self) -> None:
        """End all processes."""
        while self.idle:
            self.idle.pop().end()

    def forget(self) -> None:
        """In a forked child: the processes belong to the parent."""
        self.__init__()  # type: ignore[misc]


_HELPERS = _Helpers()
atexit.register(_HELPERS.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_HELPERS.forget)

_CAUSES = {
    "slow": "the compressed image takes longer to decode than any of its size should",
    "crashed": "the compressed image is damaged: it crashed its decoder",
    "killed": (
        "the system killed its decoder, also when it was tried again alone: there may be too little"
        " memory. The file need not be damaged"
    ),
}


def decode(codec: str, data: bytes, samples: int, **parameters: Any) -> Decoded:
    """Decode one compressed image, within time and memory that fit its size.

    One whose decoder the system kills, as it does when memory runs out, is tried once more while
    no other image is being decoded.

    Parameters
    ----------
    codec
        ``"gdcm"``, ``"openjpeg"`` or ``"opencv"``.
    data
        The compressed stream.
    samples
        How many numbers it holds by its header.
    parameters
        What the codec needs to know besides.

    Returns
    -------
    Decoded
        The array is read-only, of the codec's own shape and dtype.

    Raises
    ------
    Damaged
        If the codec fails, crashes, is killed or takes too long.
    """
    seconds = _PATIENCE_S + _S_PER_SAMPLE * samples + _S_PER_BYTE * len(data)
    most = _BYTES + _BYTES_PER_SAMPLE * samples + len(data)
    limits = {"seconds": seconds, "bytes": most}
    wall_s = _WALL_S + _WALL_TIMES * seconds
    request = {"codec": codec, "limits": limits, **parameters}
    try:
        answer = _ask(request, data, wall_s, alone=False)
    except _Died as death:
        if death.how != "killed":
            raise Damaged(_CAUSES[death.how]) from death
        try:
            answer = _ask(request, data, wall_s, alone=True)
        except _Died as again:
            raise Damaged(_CAUSES[again.how]) from again
    header, payload = answer
    if "error" in header:
        raise Damaged(f"the compressed image cannot be decoded: {header['error']}")
    array = np.frombuffer(payload, dtype=np.dtype(header["dtype"])).reshape(header["shape"])
    return Decoded(array, header["complaints"])


def _ask(
    request: dict[str, Any], data: bytes, patience_s: float, alone: bool
) -> tuple[dict[str, Any], bytes]:
    with _HELPERS.one(alone) as helper:
        return helper.ask(request, data, patience_s)
