"""The helper process survives its codecs, its parent's forks and its own death."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest

from mammoscope.reading.codecs import decoding
from mammoscope.reading.codecs.decoding import decode
from mammoscope.reading.faults import Damaged


def _png(value):
    return cv2.imencode(".png", np.full((5, 4), value, dtype=np.uint8))[1].tobytes()


def test_a_picture_goes_there_and_back():
    decoded = decode("opencv", _png(7))
    np.testing.assert_array_equal(decoded.array, np.full((5, 4), 7))
    assert decoded.complaints == ""


def test_a_codec_that_aborts_ends_its_own_process_only():
    # GDCM 3.2 aborts on a lossless frame of 255 bits.
    stream = (
        b"\xff\xd8\xff\xc3\x00\x0b\xff\x00\x10\x00\x10\x01\x01\x11\x00"
        b"\xff\xda\x00\x08\x01\x01\x00\x01\x00\x00\xff\xd9"
    )
    syntax = "1.2.840.10008.1.2.4.70"
    with pytest.raises(Damaged, match="crashed its decoder"):
        decode("gdcm", stream, syntax=syntax, rows=16, columns=16, bits=16)
    assert decode("opencv", _png(9)).array[0, 0] == 9


def test_a_helper_that_was_killed_is_replaced():
    decode("opencv", _png(1))
    process = decoding._HELPERS.idle[-1]._process
    process.kill()
    process.wait()
    assert decode("opencv", _png(2)).array[0, 0] == 2
    assert decoding._HELPERS.idle[-1]._process.pid != process.pid


def test_threads_do_not_mix_up_their_pictures():
    found = {}

    def work(value):
        for _ in range(5):
            found[value] = decode("opencv", _png(value)).array[0, 0]

    threads = [threading.Thread(target=work, args=(value,)) for value in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {value: value for value in range(8)}


def _decode_in_child(value):
    return int(decode("opencv", _png(value)).array[0, 0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_processes_have_helpers_of_their_own():
    decode("opencv", _png(1))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_decode_in_child, range(8)) == list(range(8))
        # One killed while it holds the queue would leave the other waiting.
        pool.close()
        pool.join()
    assert decode("opencv", _png(5)).array[0, 0] == 5


def test_the_helper_ends_with_its_parent():
    script = (
        "import cv2, numpy as np\n"
        "from mammoscope.reading.codecs import decoding\n"
        "png = cv2.imencode('.png', np.zeros((2, 2), np.uint8))[1].tobytes()\n"
        "decoding.decode('opencv', png)\n"
        "print(decoding._HELPERS.idle[-1]._process.pid)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
