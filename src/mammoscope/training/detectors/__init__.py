"""Training of detectors, by family."""
