"""Training of the model of breast density."""
