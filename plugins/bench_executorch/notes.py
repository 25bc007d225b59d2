"""What our .pte files say of themselves, as a constant method of JSON: the format names no inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NOTES = "joulebench_notes"


@dataclass(frozen=True)
class Notes:
    """Input names in order, and operators by name: in XNNPACK's partitions, and left to portable kernels."""

    inputs: tuple[str, ...] = ()
    delegated: Mapping[str, int] = field(default_factory=dict)
    portable: Mapping[str, int] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return the operators for a record; nothing for a file that says nothing."""
        if not self.inputs:
            return {}
        return {"delegate": "XnnpackBackend", "delegated": dict(self.delegated), "portable": dict(self.portable)}

    def dump(self) -> str:
        """Return it as text."""
        return json.dumps({"inputs": self.inputs, "delegated": self.delegated, "portable": self.portable})

    @classmethod
    def parse(cls, text: str) -> Notes:
        """Read `dump`; a stranger's text of another form counts as none."""
        try:
            data = json.loads(text)
            names, sides = data["inputs"], [data["delegated"], data["portable"]]
        except (ValueError, KeyError, TypeError):
            return cls()
        counted = all(isinstance(each, dict) and all(isinstance(n, int) for n in each.values()) for each in sides)
        if not counted or not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            return cls()
        return cls(tuple(names), *sides)
