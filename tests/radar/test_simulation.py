"""The pulse, and its sampling in equivalent time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammoscope.radar.simulation import Sampler, monocycle

GHZ = np.arange(0.1, 16, 0.05)


def spectrum(delay_ns: float) -> np.ndarray:
    sampler = Sampler(jitter_ns=0)
    instants = sampler.instants_ns(4.0)
    return sampler.spectrum(instants, monocycle(instants - delay_ns)[:, None], GHZ)[:, 0]


def test_the_monocycle_is_strongest_at_six_gigahertz() -> None:
    assert GHZ[np.abs(spectrum(2.0)).argmax()] == pytest.approx(6.0, abs=0.051)


def test_the_spectrum_is_the_one_in_the_books() -> None:
    expected = GHZ * np.exp(-((GHZ / 6) ** 2) / 2)
    measured = np.abs(spectrum(2.0))
    assert measured / measured.max() == pytest.approx(expected / expected.max(), abs=1e-3)


@settings(deadline=None, max_examples=20)
@given(st.floats(1.0, 2.5))
def test_a_delay_turns_the_phase_backwards(delay_ns: float) -> None:
    ratio = spectrum(delay_ns)[100] / spectrum(1.0)[100]
    assert ratio == pytest.approx(np.exp(-2j * np.pi * GHZ[100] * (delay_ns - 1)), abs=1e-3)


def test_equivalent_time_samples_are_as_dense_as_one_fast_receivers() -> None:
    sampler = Sampler(rate_ghz=0.5, phases=100)
    instants = np.sort(sampler.instants_ns(4.0))
    assert np.diff(instants) == pytest.approx(0.02)
    assert np.diff(sampler.instants_ns(4.0))[0] == pytest.approx(2.0)
