"""A backend that does nothing: what is left when it is measured is the harness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bench


class NoopSession:
    """Answers at once."""

    def bind(self, inputs: bench.Arrays) -> Callable[[], Any]:
        """Return a function that does nothing."""
        del inputs
        return _nothing

    def run(self, inputs: bench.Arrays) -> bench.Arrays:
        """Return the inputs."""
        return inputs

    def synchronize(self) -> None:
        """Nothing is pending."""

    def facts(self) -> Mapping[str, Any]:
        """Return what runs."""
        return {"runtime": "noop"}

    def close(self) -> None:
        """Nothing is held."""


def _nothing() -> float:
    return 0.0


@bench.backend("noop", accepts="noop")
class Noop:
    """Opens anything."""

    def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> NoopSession:
        """Return a session that does nothing."""
        del artifact, device, threads
        return NoopSession()
