"""Ultra-wideband radar of the breast: scans simulated, read and made into maps of energy."""

from mammoscope.radar.arrays import AntennaArray, bowl_array, plane_array
from mammoscope.radar.beamforming import BEAMFORMERS
from mammoscope.radar.delays import Medium
from mammoscope.radar.reconstruction import Options, Peak, Reconstruction, reconstruct
from mammoscope.radar.scans import Scan, read_scan, write_scans
from mammoscope.radar.simulation import Scene, Target, simulate

__all__ = [
    "BEAMFORMERS",
    "AntennaArray",
    "Medium",
    "Options",
    "Peak",
    "Reconstruction",
    "Scan",
    "Scene",
    "Target",
    "bowl_array",
    "plane_array",
    "read_scan",
    "reconstruct",
    "simulate",
    "write_scans",
]
