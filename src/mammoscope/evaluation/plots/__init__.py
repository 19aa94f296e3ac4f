"""Curves as pictures. Needs the extra ``plot``."""
