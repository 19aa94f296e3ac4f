"""Figures and their patient-level intervals."""
