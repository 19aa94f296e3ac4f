"""What libraries warn of and log may quote values and with them the patient: kept from the user.

Python's filters of warnings and levels of loggers belong to the whole process, and files are read
from several threads: each thread that saved and restored them by itself would undo what another has
set.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_TALKATIVE = ("pydicom", "highdicom", "pynetdicom", "dicomweb_client", "urllib3")
"""Loggers, with all those below them."""

_lock = threading.RLock()
_filters = ExitStack()
_readers = 0


@contextmanager
def quiet() -> Iterator[None]:
    """No warning is shown and no library logs while any thread is inside."""
    global _readers
    with _lock:
        if _readers == 0:
            _filters.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            for logger in map(logging.getLogger, _TALKATIVE):
                _filters.callback(logger.setLevel, logger.level)
                logger.setLevel(logging.CRITICAL + 1)
        _readers += 1
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if _readers == 0:
                _filters.close()
