"""Signals in focus, their energies, and what is subtracted before."""

from __future__ import annotations

import numpy as np
import pytest

from mammoscope.radar.arrays import bowl_array
from mammoscope.radar.beamforming import BEAMFORMERS, Pulses
from mammoscope.radar.reconstruction import subtract_average

GHZ = np.linspace(2, 10, 81)
RNG = np.random.default_rng(0)


def test_focus_is_the_sum_over_frequencies_at_the_instant_of_the_echo() -> None:
    signals = RNG.standard_normal((81, 3)) + 1j * RNG.standard_normal((81, 3))
    delays = RNG.uniform(0.2, 2.5, (40, 3))
    turned = np.exp(2j * np.pi * GHZ[:, None, None] * delays)
    expected = (signals[:, None] * turned).mean(axis=0)
    assert Pulses.of(signals, GHZ, 2.5).at(delays) == pytest.approx(
        expected, abs=0.06 * abs(expected).max()
    )


def test_an_echo_is_in_phase_where_it_comes_from() -> None:
    delays = np.array([[0.7, 0.9, 1.4]])
    echo = np.exp(-2j * np.pi * np.outer(GHZ, delays[0]))
    assert Pulses.of(echo, GHZ, 2.0).at(delays) == pytest.approx(np.ones((1, 3)), abs=1e-3)


def test_energies_of_signals_that_agree_and_of_ones_that_cancel() -> None:
    agree, cancel = np.ones((1, 6), complex), np.array([[1, -1, 1, -1, 1, -1]], complex)
    assert BEAMFORMERS["das"](agree) == pytest.approx([36])
    assert BEAMFORMERS["coherence"](agree) == pytest.approx([36])
    assert BEAMFORMERS["dmas"](agree) == pytest.approx([30**2])
    assert BEAMFORMERS["das"](cancel) == BEAMFORMERS["coherence"](cancel) == pytest.approx([0])


def test_products_of_pairs_are_those_written_out() -> None:
    x = RNG.standard_normal(5) + 1j * RNG.standard_normal(5)
    root = x / np.sqrt(abs(x))
    pairs = sum(root[i] * root[j] for i in range(5) for j in range(5) if i != j)
    assert BEAMFORMERS["dmas"](x[None]) == pytest.approx([abs(pairs) ** 2])


@pytest.mark.parametrize("form", BEAMFORMERS)
def test_one_odd_channel_matters_less_to_a_coherent_form(form: str) -> None:
    even, odd = np.full((1, 10), 0.5 + 0j), np.full((1, 10), 0.001 + 0j)
    odd[0, 0] = 5
    ratio = BEAMFORMERS[form](even) / BEAMFORMERS[form](odd)
    assert ratio == pytest.approx([1.0], rel=0.01) if form == "das" else ratio[0] > 9


def test_what_is_alike_all_round_is_averaged_away() -> None:
    array = bowl_array()
    by_length = np.round(array.lengths_mm)[None] * np.linspace(1, 2j, 81)[:, None]
    assert subtract_average(by_length, array) == pytest.approx(np.zeros((81, 100)), abs=1e-9)
    single = by_length.copy()
    single[:, 7] += 1
    assert abs(subtract_average(single, array)[:, 7]) == pytest.approx(np.full(81, 0.9))
