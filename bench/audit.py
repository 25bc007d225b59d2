"""The verdicts of an audit, from the worst to the best, and one finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["no-op", "dequantised", "masked-only", "not-executed", "slower", "effective"]
VERDICTS: tuple[str, ...] = ("no-op", "dequantised", "masked-only", "not-executed", "slower", "effective")


@dataclass(frozen=True)
class Finding:
    """What was found of one gain: `about` names it, `advice` is one sentence; no verdict where evidence is missing."""

    about: str
    verdict: Verdict | None
    advice: str

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON."""
        return {"about": self.about, "verdict": self.verdict, "advice": self.advice}
