"""Training: needs the extra [train]; nothing that runs a model imports it."""
