"""Phase 3: regions of interest, benign or malignant."""
