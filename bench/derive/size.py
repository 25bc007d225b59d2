"""Size on disk and after zstd: zeros and codebooks pay only when they are stored so."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

LEVEL = 10
CHUNK_BYTES = 1 << 20


def compressed_bytes(path: Path) -> int:
    """Return the bytes of a file (or of a folder's files, one after another) after zstd at level 10."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    total = 0
    for each in files:
        compressor = _zstd().ZstdCompressor(level=LEVEL)
        with each.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                total += len(compressor.compress(chunk))
        total += len(compressor.flush())
    return total


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
