"""An estimate as a text says it."""

from __future__ import annotations

from mammoscope.evaluation.metrics.estimates import Estimate


def test_what_is_not_known_is_left_out() -> None:
    assert Estimate(0.954, 0.931, 0.98).in_words == "0.95 (0.93 to 0.98)"
    assert Estimate(2.0).in_words == "2.00"
    assert Estimate(None).in_words == "-"
