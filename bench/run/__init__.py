"""The controller: builds, measures side by side, journals, derives, records. It never imports a framework."""

from bench.run.controller import Outcome, run
from bench.run.events import Event
from bench.run.expected import expected_seconds
from bench.run.metering import Metering
from bench.run.settings import Settings, Spawn, spawn_child

__all__ = ["Event", "Metering", "Outcome", "Settings", "Spawn", "expected_seconds", "run", "spawn_child"]
