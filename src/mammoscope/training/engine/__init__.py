"""The loop, checkpoints, trunks, augmentation: what every training shares."""
