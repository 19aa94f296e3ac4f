"""Encapsulated pixels, decoded in a process of their own where a decoder could fall."""
