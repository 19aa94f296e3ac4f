"""The helper process survives its codecs, its parent's forks and its own death."""

from __future__ import annotations

import multiprocessing
import os
import struct
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from mammoscope.reading.codecs import decoding
from mammoscope.reading.codecs.decoding import decode
from mammoscope.reading.codecs.streams import jpeg_header
from mammoscope.reading.faults import Damaged


def _png(value):
    return cv2.imencode(".png", np.full((5, 4), value, dtype=np.uint8))[1].tobytes()


def test_a_picture_goes_there_and_back():
    decoded = decode("opencv", _png(7), 20)
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
        decode("gdcm", stream, 256, syntax=syntax, rows=16, columns=16, bits=16)
    assert decode("opencv", _png(9), 20).array[0, 0] == 9


def test_a_helper_that_was_killed_is_replaced():
    decode("opencv", _png(1), 20)
    process = decoding._HELPERS.idle[-1]._process
    process.kill()
    process.wait()
    assert decode("opencv", _png(2), 20).array[0, 0] == 2
    assert decoding._HELPERS.idle[-1]._process.pid != process.pid


def test_threads_do_not_mix_up_their_pictures():
    found = {}

    def work(value):
        for _ in range(5):
            found[value] = decode("opencv", _png(value), 20).array[0, 0]

    threads = [threading.Thread(target=work, args=(value,)) for value in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {value: value for value in range(8)}


def _decode_in_child(value):
    return int(decode("opencv", _png(value), 20).array[0, 0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_processes_have_helpers_of_their_own():
    decode("opencv", _png(1), 20)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_decode_in_child, range(8)) == list(range(8))
        # One killed while it holds the queue would leave the other waiting.
        pool.close()
        pool.join()
    assert decode("opencv", _png(5), 20).array[0, 0] == 5


def test_the_helper_ends_with_its_parent():
    script = (
        "import cv2, numpy as np\n"
        "from mammoscope.reading.codecs import decoding\n"
        "png = cv2.imencode('.png', np.zeros((2, 2), np.uint8))[1].tobytes()\n"
        "decoding.decode('opencv', png, 4)\n"
        "print(decoding._HELPERS.idle[-1]._process.pid)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def _big_png():
    """Takes about a second to decode."""
    noise = np.random.default_rng(0).integers(0, 256, (4000, 4000), dtype=np.uint8)
    return cv2.imencode(".png", noise, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes(), noise


def _kill_at_work(helper, times):
    """Kill the process of a helper while it decodes, as a system without memory does."""
    killed = set()
    end = time.monotonic() + 60
    while len(killed) < times and time.monotonic() < end:
        process = helper._process
        at_work = helper not in decoding._HELPERS.idle and process is not None
        if at_work and process.pid not in killed:
            process.kill()
            killed.add(process.pid)
        time.sleep(0.01)


@pytest.mark.parametrize(("times", "fails"), [(1, False), (2, True)])
def test_a_decoder_that_the_system_kills_gets_a_second_chance(times, fails):
    data, noise = _big_png()
    decode("opencv", _png(1), 20)
    killer = threading.Thread(target=_kill_at_work, args=(decoding._HELPERS.idle[-1], times))
    killer.start()
    try:
        if fails:
            with pytest.raises(Damaged, match="the system killed its decoder") as caught:
                decode("opencv", data, noise.size)
            assert "is damaged" not in str(caught.value)
        else:
            np.testing.assert_array_equal(decode("opencv", data, noise.size).array, noise)
    finally:
        killer.join()
    assert decode("opencv", _png(3), 20).array[0, 0] == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits both")
def test_more_memory_and_time_than_fit_the_size_are_not_given(monkeypatch):
    data, _ = _big_png()
    monkeypatch.setattr(decoding, "_BYTES", 1 << 20)
    with pytest.raises(Damaged, match="cannot be decoded"):
        decode("opencv", data[:1000] + data[1000:], 20)
    monkeypatch.undo()
    monkeypatch.setattr(decoding, "_PATIENCE_S", 0.1)
    image = cv2.imencode(
        ".jpg", np.zeros((3000, 3000), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    )[1].tobytes()
    last = image.rindex(b"\xff\xda")
    many = image[:-2] + 450 * image[last:-2] + image[-2:]
    with pytest.raises(Damaged, match="takes longer to decode"):
        decode("opencv", many, 9_000_000 // 10)
    assert decode("opencv", _png(3), 20).array[0, 0] == 3


@pytest.mark.parametrize(
    ("side", "more", "refused"), [(7000, 30, True), (7000, 10, False), (64, 400, False)]
)
def test_a_jpeg_of_many_scans_is_refused_by_its_size(side, more, refused):
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    small = cv2.imencode(".jpg", np.zeros((64, 64), np.uint8), progressive)[1].tobytes()
    last, frame = small.rindex(b"\xff\xda"), small.index(b"\xff\xc2") + 5
    image = small[:-2] + more * small[last:-2] + small[-2:]
    image = image[:frame] + struct.pack(">HH", side, side) + image[frame + 4 :]
    if refused:
        with pytest.raises(Damaged, match="scans, too many for its size"):
            jpeg_header(image)
    else:
        assert jpeg_header(image).rows == side
