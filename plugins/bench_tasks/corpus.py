"""Files of known type: a fixed choice from installed distributions, never from elsewhere on the machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

import bench
from bench_tasks.packages import CURE

# Distributions that the extra `mobile` installs and whose data files are the same on every platform. torch is left
# out: its CPU and CUDA builds carry different files.
DISTRIBUTIONS = (
    "huggingface_hub",
    "joblib",
    "matplotlib",
    "mlxtend",
    "networkx",
    "numpy",
    "onnx",
    "onnxscript",
    "pandas",
    "scikit-learn",
    "scipy",
    "sentence-transformers",
    "sympy",
    "transformers",
)
# Extension -> the model's labels that are right for it. Only types whose extension tells the truth: .txt, .dat and .md
# hold anything, compiled files differ by platform, scipy's .wav files are broken on purpose.
LABELS = {
    ".bz2": ("bzip",),
    ".c": ("c",),
    ".cc": ("cpp",),
    ".css": ("css",),
    ".csv": ("csv",),
    ".f": ("fortran",),
    ".f90": ("fortran",),
    ".gz": ("gzip",),
    ".h": ("c", "cpp"),
    ".json": ("json", "jsonl"),
    ".npy": ("npy",),
    ".npz": ("npz",),
    ".onnx": ("onnx",),
    ".pdf": ("pdf",),
    ".pkl": ("pickle",),
    ".png": ("png",),
    ".proto": ("proto",),
    ".py": ("python",),
    ".pyi": ("python",),
    ".pyx": ("python",),
    ".rst": ("rst",),
    ".svg": ("svg",),
    ".ttf": ("ttf",),
}
MIN_BYTES = 16


@dataclass(frozen=True)
class Specimen:
    """A file, named by its distribution and path, and its extension."""

    name: str
    path: Path
    extension: str

    @property
    def order(self) -> str:
        """The digest of the name: a fixed shuffle that added files hardly disturb."""
        return hashlib.sha256(self.name.encode()).hexdigest()


def specimens() -> list[Specimen]:
    """Return every file of a known type in the distributions, in the order of their names' digests.

    Raises bench.Unsupported when a distribution is missing or does not list its files.
    """
    return sorted((each for name in DISTRIBUTIONS for each in _files(name)), key=lambda each: each.order)


def _files(name: str) -> Iterator[Specimen]:
    try:
        files = distribution(name).files
    except PackageNotFoundError as error:
        raise bench.Unsupported(f"the distribution '{name}' is not installed: {CURE}") from error
    if files is None:
        raise bench.Unsupported(f"the distribution '{name}' does not list its files: {CURE}")
    for each in files:
        if each.suffix in LABELS and _is_content(each):
            path = Path(str(each.locate()))
            if path.is_file() and path.stat().st_size >= MIN_BYTES:
                yield Specimen(f"{name}/{each.as_posix()}", path, each.suffix)


def _is_content(path: PurePosixPath) -> bool:
    """Whether a listed file is the distribution's own: not outside the site folder, and not the installer's."""
    return ".." not in path.parts and not path.is_absolute() and not path.parts[0].endswith(".dist-info")
