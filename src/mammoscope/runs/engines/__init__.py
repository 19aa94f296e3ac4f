"""Engines: where the images of a run are looked at. Each does the same, byte for byte."""

from mammoscope.runs.engines.processes import KeptProcesses, LocalProcesses
from mammoscope.runs.engines.protocol import RETRIES, Done, Engine, Item, Job, Work
from mammoscope.runs.engines.ray import RayActors
from mammoscope.runs.engines.threads import LocalThreads

__all__ = [
    "RETRIES",
    "Done",
    "Engine",
    "Item",
    "Job",
    "KeptProcesses",
    "LocalProcesses",
    "LocalThreads",
    "RayActors",
    "Work",
]
