"""Ultra-wideband radar of the breast: scans simulated, read and made into maps of energy."""
