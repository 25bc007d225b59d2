"""A backend's offer as one cell asks for it: an option may name the format, another the program that runs."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.offer import Offer

ACCEPTS, CODE = "accepts_option", "code"


def as_asked(offer: Offer, options: Mapping[str, Any]) -> Offer:
    """Return the offer with the format that its option names, and with the digest of the program that another names.

    A program that was edited is another backend: what it measured before is not taken for its work.
    """
    if ACCEPTS in offer.facts:
        offer = replace(offer, accepts=(str(_value(offer, str(offer.facts[ACCEPTS]), options)),))
    if CODE in offer.facts:
        program = str(_value(offer, str(offer.facts[CODE]), options))
        offer = replace(offer, digest=f"{offer.digest}{offer.version} {program_digest(program)}")
    return offer


def program_digest(program: str) -> str:
    """Return a digest of a command line and of every file on it."""
    state = hashlib.sha256(program.encode())
    with contextlib.suppress(ValueError):
        for word in shlex.split(program):
            path = Path(shutil.which(word) or word)
            with contextlib.suppress(OSError):
                state.update(path.read_bytes() if path.is_file() else b"")
    return f"sha256:{state.hexdigest()[:16]}"


def _value(offer: Offer, name: str, options: Mapping[str, Any]) -> Any:
    option = offer.option(name)
    return options.get(name, option.default if option is not None else "")
