"""Names: what outputs are called, and which image a name means."""
