"""Mammoscope: an open second reader for mammograms. Research use; not a medical device."""

__version__ = "0.1.0"
