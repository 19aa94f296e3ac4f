"""What is compared: truth and predictions, matched by image, and their subgroups."""
