"""PNG, TIFF, PGM and JPEG."""
