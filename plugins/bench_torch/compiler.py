"""The C++ compiler that torch's own compilers call."""

from __future__ import annotations

import os
import shutil

import bench


def check_compiler() -> None:
    """Raise Unsupported with the cure where there is none."""
    wanted = os.environ.get("CXX") or "g++"
    if not (shutil.which(wanted) or shutil.which("clang++")):
        cure = "install one (Debian: apt install g++ python3-dev), name it in CXX, or use the eager backend"
        raise bench.Unsupported("torch.compile needs a C++ compiler and there is none on PATH", cure=cure)
