"""Thermograms of breasts: left against right, by warmth alone. No pathology is read from them."""

from mammoscope.thermography.breasts import Pair, find_breasts, register
from mammoscope.thermography.features import asymmetry
from mammoscope.thermography.thermogram import Thermogram, read_thermogram

__all__ = ["Pair", "Thermogram", "asymmetry", "find_breasts", "read_thermogram", "register"]
