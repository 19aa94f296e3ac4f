"""Six methods compared on stained breast tissue, and the training of the shipped one."""
