"""A process that runs checks: `python -m bench.testing.child REQUEST.json ANSWER.jsonl`.

It starts in the environment of the backend, one line an answered check, so that a check that takes the process with it
is known by the line that is missing. numpy only.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any


def main(request: str, answer: str) -> None:
    """Load the backend and judge what is asked, in order."""
    from bench.artifact import Artifact
    from bench.testing.conformance import Finding, Subject, judge
    from bench.worker.loading import load_target

    asked = json.loads(Path(request).read_text(encoding="utf-8"))
    with Path(answer).open("a", encoding="utf-8") as stream:

        def tell(finding: Finding) -> None:
            stream.write(json.dumps(asdict(finding)) + "\n")
            stream.flush()

        try:
            backend = load_target(asked["target"])(**asked["options"])
        except Exception as error:  # noqa: BLE001 - a plugin may fail in any way; it is named
            for check in asked["checks"]:
                tell(Finding(check, "failed", f"the backend does not load: {type(error).__name__}: {error}"[:500]))
            return
        subject = Subject(backend, Artifact.from_json(asked["artifact"]), _cases(asked["cases"]), asked["tolerance"])
        for check in asked["checks"]:
            tell(judge(check, subject))


def _cases(places: list[list[str]]) -> Any:
    from bench.testing.conformance import Case

    return tuple(Case(_arrays(inputs), _arrays(expected)) for inputs, expected in places)


def _arrays(place: str) -> dict[str, Any]:
    import numpy as np

    with np.load(place, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
