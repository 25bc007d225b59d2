"""What the controller tells whoever watches: plain values, so that progress is somebody else's business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["comparison", "build", "quality", "launch", "record", "note"]


@dataclass(frozen=True)
class Event:
    """Something happened. `done` of `total` comparisons are over; `text` is for people."""

    kind: Kind
    text: str
    done: int = 0
    total: int = 0
    status: str = "ok"


Listener = Callable[[Event], None]
