"""Print the digest of what the viewer's pages are built from; a build holds that of its sources."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1] / "viewer"


def digest(root: Path) -> str:
    """The digest of every source, by name and content, line ends aside."""
    names = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")
    files = [*(root / name for name in names), *sorted((root / "src").rglob("*.*"))]
    total = hashlib.sha256()
    for file in files:
        content = file.read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{file.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return total.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(digest(ROOT) + "\n")
