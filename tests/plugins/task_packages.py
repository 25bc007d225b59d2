"""Which tasks need more than the extra `mobile` installs: their tests are skipped where that is not installed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

import pytest

PACKAGES = {"activity": "seglearn"}


def here(name: str) -> bool:
    """Whether the data of a task, named as its function is, are on this machine."""
    return name not in PACKAGES or find_spec(PACKAGES[name]) is not None


def where_installed(names: Iterable[str]) -> list[Any]:
    """Return the names as parameters of a test or fixture, skipped where their data are missing."""
    return [
        pytest.param(
            name,
            id=name,
            marks=pytest.mark.skipif(
                not here(name), reason="not installed: the extra `tasks`, whose tests .ci/run runs last"
            ),
        )
        for name in names
    ]
