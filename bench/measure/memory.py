"""Peak memory of this process: the kernel's high-water mark, reset before a window and read after it."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"


def resident_bytes() -> int | None:
    """Return resident memory now (VmRSS), or None where the kernel does not tell."""
    return _field("VmRSS")


def peak_bytes() -> int | None:
    """Return the high-water mark since the last reset (VmHWM). Never ru_maxrss: a child inherits its parent's."""
    return _field("VmHWM")


def reset_peak() -> bool:
    """Set the high-water mark back to what is resident now; False where the kernel refuses."""
    try:
        CLEAR.write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def _field(name: str) -> int | None:
    try:
        text = STATUS.read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return None
