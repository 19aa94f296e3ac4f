"""What a reconstruction leaves behind: JSON, the map of energy, a picture of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mammoscope.files import DISCLAIMER, ensure_folder, write_bytes, write_json
from mammoscope.geometry import FloatArray
from mammoscope.radar.reconstruction import NEAR_MM, Reconstruction
from mammoscope.radar.scans import npz_bytes

NOTE = (
    "The strongest points of a map of scattered energy: there always is one, tumour or not. No"
    f" sensitivity or specificity is known. {DISCLAIMER}"
)

_PIXELS_PER_MM = 3
_RANGE_DB = 15.0
_EDGE = 24
_WHITE = (255, 255, 255)


def as_dict(scan: str, made: Reconstruction) -> dict[str, object]:
    """Plain values for JSON: settings, and ``peaks``, best first."""
    peaks = [
        {k: round(v, 3) if k != "energy" else v for k, v in asdict(p).items()} for p in made.peaks
    ]
    return {
        "scan": scan,
        "beamformer": made.options.beamformer,
        "artefact_removal": made.artefact,
        "permittivity": round(made.permittivity, 2),
        "permittivity_is": "given" if made.options.permittivity else "that of the sharpest focus",
        "peaks": peaks,
        "support": f"share of random halves of the channels with their strongest point within"
        f" {NEAR_MM:g} mm",
        "note": NOTE,
    }


def write_results(folder: Path, scan: str, made: Reconstruction) -> None:
    """Write NAME.json, NAME.png and NAME.energy.npz (energy, x_mm, y_mm, z_mm) into ``folder``.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    ensure_folder(folder)
    write_json(folder / f"{scan}.json", as_dict(scan, made))
    write_bytes(folder / f"{scan}.png", cv2.imencode(".png", picture(made))[1].tobytes())
    x, y, z = made.axes_mm
    energy: NDArray[Any] = made.energy.astype(np.float32)
    arrays = {"energy": energy, "x_mm": x, "y_mm": y, "z_mm": z}
    write_bytes(folder / f"{scan}.energy.npz", npz_bytes(arrays))


def picture(made: Reconstruction) -> NDArray[np.uint8]:
    """Strongest energy along z, y and x side by side (r, c, 3), blue first, over 15 dB.

    The best peak is marked with a large cross, the others with small ones.
    """
    panels = []
    for across, down in ((0, 1), (0, 2), (1, 2)):
        along = 3 - across - down
        if len(made.axes_mm[down]) > 1:
            flat = np.nan_to_num(made.energy, nan=0.0).max(axis=along).T
            panels.append(_panel(flat, made, across, down))
    rows = max(len(panel) for panel in panels)
    padded = [cv2.copyMakeBorder(p, 0, rows - len(p), 0, 8, cv2.BORDER_CONSTANT) for p in panels]
    return np.hstack(padded)


def _panel(flat: FloatArray, made: Reconstruction, across: int, down: int) -> NDArray[np.uint8]:
    db = 10 * np.log10(np.maximum(flat / flat.max(), 1e-9))
    grey = np.round(255 * np.clip(1 + db / _RANGE_DB, 0, 1)).astype(np.uint8)
    sides = tuple((i, made.axes_mm[i]) for i in (across, down))
    scale = _PIXELS_PER_MM * (made.axes_mm[0][1] - made.axes_mm[0][0])
    coloured = cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS)
    size = [round(len(axis) * scale) for _, axis in sides]
    panel = cv2.resize(coloured, size, interpolation=cv2.INTER_LINEAR)
    for rank, peak in enumerate(made.peaks):
        place = (peak.x_mm, peak.y_mm, peak.z_mm)
        at = [round((place[i] - axis[0]) * _PIXELS_PER_MM + scale / 2) for i, axis in sides]
        cv2.drawMarker(panel, at, _WHITE, cv2.MARKER_CROSS, 17 if rank == 0 else 5)
    panel = cv2.copyMakeBorder(panel, 0, _EDGE, 0, 0, cv2.BORDER_CONSTANT)
    words = ", ".join(f"{'xyz'[i]} {axis[0]:g} to {axis[-1]:g} mm" for i, axis in sides)
    cv2.putText(panel, words, (4, len(panel) - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _WHITE)
    return np.asarray(panel, np.uint8)
