"""Energy meters. Where there is no counter to read, CPU time times a stated power is an estimate, and labelled so.

This module is light and declares what is offered; the coefficients of an estimate stand in its offer, so that whoever
turns recorded CPU time into joules later uses the same ones. What reads joules is declared in `offers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import bench
from bench_power.offers import Battery, Command, Declared, Hwmon, Nvml, Powercap, Zeus

__all__ = ["Battery", "Command", "CpuSeconds", "Declared", "Hwmon", "Nvml", "Powercap", "Utilisation", "Zeus"]

WATTS_PER_CPU = 3.5
# Times or divided by this holds the true power of 95 % of the machines that others measured (docs/decisions/0004). The
# display's own model, which knows the processor's design power, does with 2.3.
FACTOR, DISPLAY_FACTOR = 3.0, 2.3
SOURCE = (
    "Cloud Carbon Footprint methodology: mean of the maximum watts per vCPU of AWS's processors, from SPECpower results"
)
KIND = "cpu-seconds"
DOMAIN = "cpu-time of the worker"


@bench.meter(
    KIND,
    facts={
        "class": "estimated",
        "kind": KIND,
        "unit": "J",
        "watts_per_cpu": WATTS_PER_CPU,
        "factor": FACTOR,
        "source": SOURCE,
        "domains": [DOMAIN],
        "blind_to": ["clock frequency", "vector and matrix units", "memory traffic", "accelerators", "idle power"],
    },
)
class CpuSeconds:
    """Estimated joules: CPU seconds of this process and its children times the watts of one busy vCPU.

    Good for comparing on one machine (it follows the work done, not the neighbours'), poor in absolute terms: the true
    value lies within times or divided by 3. It is blind to clock frequency, memory traffic and accelerators.
    """

    def __init__(
        self,
        watts_per_cpu: Annotated[
            float, bench.Bounds(gt=0, le=1000), "watts that one busy vCPU is taken to draw"
        ] = WATTS_PER_CPU,
    ) -> None:
        from bench_power.cpu_seconds import CpuSecondsMeter

        self._meter = CpuSecondsMeter(watts_per_cpu)

    def available(self) -> str | None:
        """Return None: every system tells a process its CPU time."""
        return None

    def start(self) -> Any:
        """Open a window."""
        return self._meter.start()

    def stop(self, token: Any) -> bench.Reading:
        """Close the window and return its joules, class `estimated`, with the interval the factor gives."""
        return self._meter.stop(token)


@bench.hookimpl(trylast=True)
def bench_carbon_factor(country: str, region: str | None) -> Mapping[str, Any]:
    """Look a place up in codecarbon's tables, offline; an unknown one is an error that names the nearest."""
    from bench_power.carbon import carbon_factor

    return carbon_factor(country, region).facts()


@bench.hookimpl
def bench_machine() -> Mapping[str, Any]:
    """Name the NVIDIA cards, in CUDA's order: results of different cards are never ranked together."""
    from bench_power.nvml_cards import card_names

    names = card_names()
    return {"cards": names} if names else {}


@bench.meter(
    "utilisation",
    facts={
        "class": "estimated",
        "kind": "utilisation",
        "unit": "J",
        "for": "display",
        "factor": DISPLAY_FACTOR,
        "domains": ["processor packages, by utilisation"],
        "source": "0.12 to 1.02 of the design power (codecarbon's table of processors), by utilisation",
    },
)
class Utilisation:
    """Estimated joules for display: the processor's design power, by how busy the machine was.

    The true value lies within times or divided by 2.3, and everybody's work is charged: it is never ground for a saving
    or a rank. Where codecarbon's table lacks the processor, give `tdp_w`.
    """

    def __init__(
        self,
        tdp_w: Annotated[
            float | None, bench.Bounds(gt=0, le=2000), "design power of one package in watts; none looks it up"
        ] = None,
    ) -> None:
        from bench_power.utilisation import of_this_machine

        self._meter = of_this_machine(tdp_w)

    def available(self) -> str | None:
        """Return None when the design power is known, else the reason and the cure."""
        return self._meter.available()

    def start(self) -> Any:
        """Open a window."""
        return self._meter.start()

    def stop(self, token: Any) -> bench.Reading:
        """Close the window and return its joules, class `estimated`."""
        return self._meter.stop(token)
