"""Where an offer's workers start: here, in an environment that is there, or nowhere yet."""

from __future__ import annotations

from bench.envs.found import Environment, broken_adoption, find
from bench.envs.here import unmet
from bench.envs.wanted import Wanted, of_offer
from bench.errors import Unsupported
from bench.offer import Offer

MODULE = "module"


def serving(offer: Offer) -> Environment | None:
    """Return the environment that an offer's workers start in, None where that is this one.

    An adopted interpreter is used even where the offer would run here: somebody chose it. Raises Unsupported, with the
    command that helps, where there is neither.
    """
    if not offer.environment:
        return None
    wanted = of_offer(offer)
    why = why_unserved(wanted)
    if not _served(offer):
        if why:
            raise Unsupported(f"{offer.kind} '{offer.name}' works in this environment only: {why}")
        return None
    environment = find(wanted)
    if environment is not None and (why or environment.adopted):
        return environment
    if why is None:
        return None
    raise Unsupported(f"run '{wanted.command}': {offer.kind} '{offer.name}' has no environment here ({why})")


def _served(offer: Offer) -> bool:
    """Whether its work can start in a worker of its own; what works on modules shares one with the task.

    Of a task it is the reference model that is made there; its data and its score are the controller's.
    """
    on_files = MODULE not in (*offer.accepts, *offer.produces)
    return offer.kind == "backend" or (offer.kind in ("converter", "compressor", "counter", "task") and on_files)


def why_missing(offer: Offer) -> str | None:
    """Return why an offer with an environment cannot work now and the command that helps, or None."""
    try:
        serving(offer)
    except Unsupported as error:
        return error.message
    return None


def why_unserved(wanted: Wanted) -> str | None:
    """Return why the offers of an environment cannot run in this interpreter, None where they can."""
    from packaging.requirements import InvalidRequirement

    try:
        here = unmet(wanted.requirements, wanted.needs)
    except InvalidRequirement as error:
        return f"it declares what is no requirement: {str(error).splitlines()[0]}"
    gone = broken_adoption(wanted) if here else None
    return f"the interpreter adopted for it is gone: {gone}" if gone else (here[0] if here else None)
