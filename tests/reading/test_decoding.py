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

from mammoscope.reading.decoding import decode
from mammoscope.reading.faults import Damaged


def _png(value):
    return cv2.imencode(".png", np.full((5, 4), value, dtype=np.uint8))[1].tobytes()


def test_a_picture_goes_there_and_back():
    decoded = decode("opencv", _png(7))
    np.testing.assert_array_equal(decoded.array, np.full((5, 4), 7))
    assert decoded.complaints == ""


def test_a_codec_that_aborts_ends_its_own_process_only():
    # GDCM 3.2 aborts on this: a lossless scan with a Huffman table of no codes.
    stream = (
        b"\xff\xd8\xff\xc3\x00\x0b\x10\xff\xff\xff\xff\x01\x01\x11\x00"
        b"\xff\xda\x00\x08\x01\x01\x00\x01\x00\x00\xff\xd9"
    )
    for size in (4, 60000):
        with pytest.raises(Damaged):
            decode(
                "gdcm", stream, syntax="1.2.840.10008.1.2.4.70", rows=size, columns=size, bits=16
            )
    assert decode("opencv", _png(9)).array[0, 0] == 9


def test_a_helper_that_was_killed_is_replaced():
    decode("opencv", _png(1))
    children = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True
    ).stdout
    helpers = [line.split()[0] for line in children.splitlines() if "decoder_process" in line]
    assert len(helpers) == 1
    os.kill(int(helpers[0]), 9)
    for _ in range(2):  # The first request may meet the process while it dies.
        try:
            assert decode("opencv", _png(2)).array[0, 0] == 2
        except Damaged as error:
            assert "crashed" in str(error)
    assert decode("opencv", _png(3)).array[0, 0] == 3


def test_threads_share_the_helper():
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
    assert decode("opencv", _png(5)).array[0, 0] == 5


def test_the_helper_ends_with_its_parent():
    script = (
        "import cv2, numpy as np\n"
        "from mammoscope.reading import decoding\n"
        "png = cv2.imencode('.png', np.zeros((2, 2), np.uint8))[1].tobytes()\n"
        "decoding.decode('opencv', png)\n"
        "print(decoding._HELPER._process.pid)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
