"""Checks on what is refused: by an error that names the mistake, never a traceback of the runtime's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.artifact import Artifact
from bench.errors import BenchError, Unsupported
from bench.protocols import Arrays, Session
from bench.testing.conformance.subject import NotKept, NotTested, Subject

STRANGER = "no_input_is_called_this"
NOWHERE = "abacus:0"
RUBBISH = b"this is no model of any runtime\n" * 64


def facts_are_plain(subject: Subject) -> str:
    """Facts are a mapping that a record can hold, with the runtime's name and version."""
    from bench.worker.plain import jsonable

    with subject.opened() as session:
        facts = dict(session.facts())
    jsonable(facts)
    lacking = [name for name in ("runtime", "version") if not facts.get(name)]
    if lacking:
        raise NotKept(f"facts() lacks {' and '.join(lacking)}: a number belongs to a version of a runtime")
    return f"{facts['runtime']} {facts['version']}"


def a_wrong_name_is_named(subject: Subject) -> str:
    """Rename an input, and leave one out: the error names what the model takes."""
    inputs = dict(subject.cases[0].inputs)
    name = next(iter(inputs))
    renamed = {STRANGER if each == name else each: value for each, value in inputs.items()}
    fewer = {each: value for each, value in inputs.items() if each != name}
    with subject.opened() as session:
        for wrong, what in ((renamed, "an unknown input"), (fewer, "a missing input")):
            told = _told(session, wrong, what)
            if name not in told:
                raise NotKept(f"{what}: the error does not name the input '{name}' that the model takes: {told[:200]}")
    return "an unknown and a missing input"


def a_wrong_shape_is_an_error(subject: Subject) -> str:
    """Give an input one axis too many."""
    inputs = dict(subject.cases[0].inputs)
    name = next(iter(inputs))
    with subject.opened() as session:
        _told(session, {**inputs, name: np.stack([inputs[name]] * 3, axis=-1)}, f"an axis too many of '{name}'")
    return f"an axis too many of '{name}'"


def a_float_never_becomes_an_integer(subject: Subject) -> str:
    """Give floats for integers: they would be cut off in silence."""
    inputs = dict(subject.cases[0].inputs)
    whole = [name for name, value in inputs.items() if np.asarray(value).dtype.kind in "iu"]
    if not whole:
        raise NotTested("the model takes no integers")
    with subject.opened() as session:
        _told(session, {**inputs, whole[0]: np.asarray(inputs[whole[0]], np.float32) + 0.5}, f"floats for '{whole[0]}'")
    return f"floats for '{whole[0]}'"


def a_broken_file_is_unsupported(subject: Subject) -> str:
    """Open a file of rubbish, and the front half of the file."""
    kinds: dict[str, Callable[[bytes], bytes]] = {
        "a file of rubbish": lambda _: RUBBISH,
        "half of the file": lambda content: content[: len(content) // 2],
        "an empty file": lambda _: b"",
    }
    for what, change in kinds.items():
        with tempfile.TemporaryDirectory() as folder:
            broken = _broken(subject.artifact, Path(folder), change)
            try:
                subject.backend.open(broken, device=subject.device, threads=1).close()
            except Unsupported:
                continue
            except Exception as error:
                raise NotKept(f"{what}: {_shown(error)}; raise bench.Unsupported with the reason") from error
            raise NotKept(f"{what} was opened")
    return ", ".join(kinds)


def an_unknown_device_is_unsupported(subject: Subject) -> str:
    """Ask for a device that no machine has."""
    try:
        subject.backend.open(subject.artifact, device=NOWHERE, threads=1).close()
    except Unsupported as error:
        return error.message
    except Exception as error:
        raise NotKept(f"device '{NOWHERE}': {_shown(error)}; raise bench.Unsupported with the reason") from error
    raise NotKept(f"device '{NOWHERE}' was taken: numbers would be recorded of a device that is not there")


def _told(session: Session, inputs: Arrays, what: str) -> str:
    """Return the message with which both `run` and a bound call refuse the inputs."""
    told = ""
    ways: dict[str, Callable[[], Any]] = {
        "run": lambda: session.run(inputs),
        "the bound call": lambda: _call(session, inputs),
    }
    for way, run in ways.items():
        try:
            run()
            session.synchronize()
        except BenchError as error:
            told = error.message
            continue
        except Exception as error:
            raise NotKept(f"{what}: {way} raises {_shown(error)}; raise bench.BenchError that names both") from error
        raise NotKept(f"{what}: {way} went through")
    return told


def _call(session: Session, inputs: Arrays) -> Any:
    call = session.bind(inputs)
    return call()


def _broken(artifact: Artifact, folder: Path, change: Callable[[bytes], bytes]) -> Artifact:
    place = folder / artifact.path.name
    files = [each for each in artifact.path.rglob("*") if each.is_file()] if artifact.path.is_dir() else [artifact.path]
    for each in files:
        target = place / each.relative_to(artifact.path) if artifact.path.is_dir() else place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(change(each.read_bytes()))
    return Artifact.of(place, artifact.format)


def _shown(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
