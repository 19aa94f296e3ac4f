"""The version, below everything, so that nobody needs the roof for it."""

__version__ = "0.2.0"
