"""Made-up thermograms: no patient is in them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


def frontal(hot: float = 0.0, shift: int = 0, noise: float = 0.05) -> np.ndarray:
    """A trunk of 34 degrees with two breasts over warm folds, before a room of 22 degrees.

    ``hot`` degrees are added in a spot of the left breast, which is on the right of the picture.
    """
    rows, columns = 240, 320
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    middle = columns / 2 + shift
    body = np.abs(x - middle) < 90 + 8 * np.cos(y / 40)
    values = np.where(body, np.float32(33.5), np.float32(22))
    for side in (-1, 1):
        u, v = (x - middle - 45 * side) / 36, (y - 130) / 44
        breast = u**2 + v**2 < 1
        values[breast] -= 1.0 * (1 - (u**2 + v**2))[breast]
        under = (np.abs(np.sqrt(u**2 + v**2) - 1.06) < 0.07) & (v > 0.55)
        values[under] += 1.2
    spot = (x - middle - 55) ** 2 + (y - 120) ** 2 < 8**2
    values[spot] += hot
    values = cv2.GaussianBlur(values, (0, 0), 1.5)
    return values + noise * np.random.default_rng(0).standard_normal(values.shape).astype(
        np.float32
    )


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder of 24 pairs and 24 patients' breasts, a third of them unlike; sizes say nothing."""
    rng = np.random.default_rng(1)
    rows = ["patient,image_a,image_b,label"]
    singles = ["image,patient,side,label"]
    for n in range(24):
        unlike = n % 3 == 0
        sides = []
        for k in range(2):
            grey = 100 + 8 * cv2.GaussianBlur(rng.standard_normal((40, 36)), (0, 0), 3)
            if unlike and k == 0:
                grey[12:22, 10:20] += 80
            sides.append(np.clip(grey, 0, 255).astype(np.uint8))
            cv2.imwrite(str(tmp_path / f"{n}_{k}.png"), sides[-1])
            alpha = cv2.ellipse(
                np.zeros((40, 36), np.uint8), (18, 20), (16, 18), 0, 0, 360, 255, -1
            )
            rgba = np.dstack([sides[-1]] * 3 + [alpha])
            cv2.imwrite(str(tmp_path / f"{n}_{k}_cut.png"), rgba)
        rows.append(f"{n},{n}_0.png,{n}_1.png,{'pm' if unlike else 'pb'}")
        singles.append(f"{n}_0_cut.png,{n},left,{'pm' if unlike else 'pb'}")
        singles.append(f"{n}_1_cut.png,{n},right,n")
    singles.append("0_0_cut.png,alone,left,n")
    (tmp_path / "pairs.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "breasts.csv").write_text("\n".join(singles) + "\n")
    return tmp_path
