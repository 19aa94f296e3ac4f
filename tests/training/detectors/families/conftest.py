from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("timm", reason="needs the extra [train]")

from mammoscope.training.config import NetworkConfig  # noqa: E402

Marked = tuple[torch.Tensor, list[torch.Tensor]]


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more than these small networks do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small(family: str, trunk: str = "test_efficientnet", anchors: str = "kmeans") -> NetworkConfig:
    """A network of timm's smallest kind on pictures of 96 x 64 pixels."""
    return NetworkConfig(trunk, rows=96, columns=64, channels=16, family=family, anchors=anchors)


@pytest.fixture(name="small", scope="session")
def _small() -> object:
    return small


@pytest.fixture(scope="session")
def blobs() -> Marked:
    """Eight pictures (8, 1, 96, 64) of one bright disc each, and its box."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :64] + 0.5
    pictures, boxes = [], []
    for _ in range(8):
        r = rng.uniform(8, 16)
        cx, cy = rng.uniform(r, 64 - r), rng.uniform(r, 96 - r)
        picture = 0.2 + 0.05 * rng.standard_normal((96, 64))
        pictures.append(picture + 0.7 * ((x - cx) ** 2 + (y - cy) ** 2 < r**2))
        boxes.append(torch.tensor([[cx - r, cy - r, cx + r, cy + r]], dtype=torch.float32))
    stacked = np.clip(np.stack(pictures), 0, 1).astype(np.float32)
    return torch.from_numpy(stacked)[:, None], boxes
