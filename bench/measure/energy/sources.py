"""What an energy meter reads: counters of joules, sensors of watts, and the zones a machine has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

Role = Literal["summed", "apart", "inside", "duplicate", "unreadable"]
# Taken where a source states no limit: above the design power of every processor package sold.
UNSTATED_LIMIT_W = 1000.0
# The step of the coarsest interface in common use (NVML counts millijoules).
UNSTATED_QUANTUM_J = 1e-3


@runtime_checkable
class EnergySource(Protocol):
    """A monotonic counter of joules.

    `domain` is what is counted ("package", "dram", "platform", "gpu:0", "battery" …), `name` the zone. `wrap_j` is
    the range after which it starts again at 0 (None: it never does), `power_limit_w` the most that can be drawn.
    Optional attributes: `quantum_j` (step of the counter), `floor_w` (least power), `calibration` (relative error of
    the scale).
    """

    @property
    def name(self) -> str:
        """The zone, as people know it."""

    @property
    def domain(self) -> str:
        """What is counted."""

    @property
    def wrap_j(self) -> float | None:
        """Range of the counter in joules, None when it does not wrap."""

    @property
    def power_limit_w(self) -> float | None:
        """Greatest power in watts, None when nothing states it."""

    def read_j(self) -> float:
        """Return the raw counter in joules. Raises OSError when the read fails."""


@runtime_checkable
class PowerSource(Protocol):
    """A sensor of present power; sampling it is a fallback where nothing counts."""

    @property
    def name(self) -> str:
        """The sensor, as people know it."""

    @property
    def domain(self) -> str:
        """What is measured."""

    @property
    def power_limit_w(self) -> float | None:
        """Greatest power in watts, None when nothing states it."""

    def read_w(self) -> float:
        """Return present power in watts. Raises OSError when the read fails."""


@dataclass(frozen=True)
class Zone:
    """One zone a machine offers, and what is made of it.

    `role`: summed (part of the headline), apart (reported by itself), inside (part of another zone, not read),
    duplicate (another path to a zone that is read) or unreadable. `why` says it in words, with the cure.
    """

    name: str
    domain: str
    place: str
    role: Role
    why: str


@dataclass(frozen=True)
class Traits:
    """Numbers of a source that enter the uncertainty: watts, joules, and a relative error of the scale."""

    peak_w: float
    floor_w: float
    quantum_j: float
    calibration: float

    @classmethod
    def of(cls, source: EnergySource | PowerSource) -> Traits:
        """Read what the source states, and conservative values for what it does not."""
        return cls(
            peak_w=source.power_limit_w or UNSTATED_LIMIT_W,
            floor_w=float(getattr(source, "floor_w", 0.0)),
            quantum_j=float(getattr(source, "quantum_j", UNSTATED_QUANTUM_J)),
            calibration=float(getattr(source, "calibration", 0.0)),
        )
