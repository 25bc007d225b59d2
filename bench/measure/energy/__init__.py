"""Joules that can be believed: windows of counters that begin and end on edges, with a stated uncertainty."""

from bench.measure.energy.clock import Clock, SystemClock
from bench.measure.energy.closing import lost, over_work, per_inference, whole_inferences
from bench.measure.energy.counter_meter import CounterMeter, Engine
from bench.measure.energy.period import Period, discover
from bench.measure.energy.sharing import Load, LoadProbe, ProcLoad, by_share
from bench.measure.energy.sources import EnergySource, PowerSource, Role, Traits, Zone
from bench.measure.energy.spans import Took, around
from bench.measure.energy.uncertainty import Uncertainty, window_for
from bench.measure.energy.window import Window
from bench.measure.energy.wrap import InvalidWindow

__all__ = [
    "Clock",
    "CounterMeter",
    "EnergySource",
    "Engine",
    "InvalidWindow",
    "Load",
    "LoadProbe",
    "Period",
    "PowerSource",
    "ProcLoad",
    "Role",
    "SystemClock",
    "Took",
    "Traits",
    "Uncertainty",
    "Window",
    "Zone",
    "around",
    "by_share",
    "discover",
    "lost",
    "over_work",
    "per_inference",
    "whole_inferences",
    "window_for",
]
