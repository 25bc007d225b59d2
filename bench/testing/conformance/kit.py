"""The kit: every check by name, run alone for one test each, or all of them for a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bench.artifact import Artifact
from bench.errors import Unsupported
from bench.protocols import Arrays, Backend
from bench.testing.conformance import outputs, refusals, resources, waiting
from bench.testing.conformance.subject import Finding, NotKept, NotTested, Report, Subject, subject_of

# In this order: what is wrong with outputs explains much of what follows.
CHECKS: Mapping[str, Callable[[Subject], str]] = {
    "outputs": outputs.equal_the_reference,
    "batches": outputs.any_batch_after_another,
    "anew": outputs.every_call_computes_anew,
    "inputs": outputs.inputs_stay_as_they_were,
    "reopen": outputs.opens_again,
    "synchronize": waiting.synchronize_waits,
    "threads": resources.threads_are_honoured,
    "memory": resources.memory_returns,
    "facts": refusals.facts_are_plain,
    "wrong-name": refusals.a_wrong_name_is_named,
    "wrong-shape": refusals.a_wrong_shape_is_an_error,
    "wrong-type": refusals.a_float_never_becomes_an_integer,
    "broken-file": refusals.a_broken_file_is_unsupported,
    "device": refusals.an_unknown_device_is_unsupported,
}


def judge(check: str, subject: Subject) -> Finding:
    """Run one check; whatever the backend raises is a finding."""
    try:
        return Finding(check, "passed", CHECKS[check](subject))
    except NotKept as error:
        return Finding(check, "failed", str(error))
    except NotTested as error:
        return Finding(check, "skipped", str(error))
    except Unsupported as error:
        return Finding(check, "skipped", error.message)
    except Exception as error:  # noqa: BLE001 - a backend may fail in any way; it is named
        return Finding(check, "failed", f"{type(error).__name__}: {error}"[:500])


def check_backend(
    backend: Backend,
    artifact: Artifact,
    *,
    inputs: Callable[[int], Arrays],
    reference: Callable[[Arrays], Arrays],
    only: Iterable[str] | None = None,
    **more: Any,
) -> Report:
    """Run the kit on a backend and a file it opens; see `subject_of` for the arguments, `CHECKS` for the names.

    The report's `assert_kept()` raises with every rule that is broken.
    """
    subject = subject_of(backend, artifact, inputs=inputs, reference=reference, **more)
    return Report(tuple(judge(each, subject) for each in (CHECKS if only is None else only)))
