"""How long to wait before something that failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST_S = 600.0


@dataclass(frozen=True)
class Backoff:
    """Twice as long after each failure, from ``base_s`` seconds up to ten minutes."""

    base_s: float

    def __call__(self, failures: int) -> float:
        """Seconds to wait after so many failures; none after none."""
        if failures == 0:
            return 0.0
        return float(min(self.base_s * 2 ** min(failures - 1, 32), max(_LONGEST_S, self.base_s)))
