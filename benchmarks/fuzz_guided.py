"""The targets of ``fuzz.py``, with inputs that are led by which lines of the package they reach.

Needs atheris (``pip install atheris``; Linux, Python up to 3.13): ``scripts/fuzz --guided``. What
crashes or hangs is kept as there, and the corpus in memory.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mammoscope"]):
    import fuzz

_LONGEST_INPUT = 1 << 17


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--finds", type=Path, default=Path("fuzz-finds"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = fuzz.targets(folder)
        (corpus := folder / "corpus").mkdir()
        # The first byte says whose input it is.
        for number, target in enumerate(chosen):
            for n, seed in enumerate(target.seeds):
                (corpus / f"{target.name}-{n}").write_bytes(bytes((number,)) + seed)
        counts: dict[str, Counter[str]] = {}
        before, end = fuzz.held(), time.monotonic() + 60 * arguments.minutes

        def one(data: bytes) -> None:
            if time.monotonic() > end:
                fine = fuzz.told(counts, arguments.minutes, arguments.seed, before, fuzz.held())
                sys.stdout.flush()
                # What guides it never returns.
                os._exit(not fine)
            target = chosen[data[0] % len(chosen) if data else 0]
            outcome, trace = fuzz.try_one(target, data[1:], folder)
            counts.setdefault(target.name, Counter())[outcome] += 1
            if trace:
                kind = f"{target.name}-{outcome}"
                fuzz.keep(arguments.finds, kind, target.suffix, data[1:], trace)

        flags = [f"-seed={arguments.seed}", f"-max_len={_LONGEST_INPUT}", "-timeout=0"]
        flags += ["-rss_limit_mb=0", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *flags, str(corpus)], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
