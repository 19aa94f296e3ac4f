"""Training and comparison of classifiers of regions."""
