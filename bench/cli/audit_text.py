"""An audit as lines of text: the verdict, what to do, and what was claimed, stored and executed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bench.units import format_quantity

UNJUDGED = "not judged"
SIZES = ("size", "size_compressed", "size_encoded")


def audit_text(audit: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of an audit; none for a record that has none."""
    if not audit:
        return
    yield "\naudit"
    findings = audit.get("findings") or ()
    if findings:
        yield f"  verdict         {audit.get('verdict') or UNJUDGED}: {audit.get('advice', '')}"
    for each in findings if len(findings) > 1 else ():
        yield f"    {each.get('about', '')!s:<14}{each.get('verdict') or UNJUDGED}: {each.get('advice', '')}"
    yield from (f"  claimed         {json.dumps(each)}" for each in audit.get("claimed") or ())
    yield f"  stored          {_stored(audit.get('stored') or {})}"
    yield f"  executed        {_executed(audit.get('executed') or {})}"
    yield from _speed_up(audit.get("speed_up") or {})


def _stored(stored: Mapping[str, Any]) -> str:
    parts = [f"{name.replace('_', ' ')} {format_quantity(stored[name], 'B')}" for name in SIZES if name in stored]
    parts += [f"{name} {count}" for name, count in (stored.get("by_dtype") or {}).items()]
    parts += [f"{stored['bits_per_weight']:.3g} bits a weight"] if "bits_per_weight" in stored else []
    parts += [f"{stored['zeros']:.1%} zeros"] if "zeros" in stored else []
    return ", ".join(parts) or "not counted"


def _executed(executed: Mapping[str, Any]) -> str:
    if "products" not in executed:
        return f"not known: {executed.get('reason', 'the backend does not say')}"
    products = ", ".join(f"{name} {share:.0%}" for name, share in executed["products"].items()) or "none"
    shares = [
        f"{word} {executed[name]:.0%} of the operators' time"
        for name, word in (("product_share", "products"), ("convert_share", "conversions"))
        if executed.get(name) is not None
    ]
    return "; ".join([f"products in {products}", *shares, f"by {executed.get('method', 'the backend')}"])


def _speed_up(found: Mapping[str, Any]) -> Iterator[str]:
    if found.get("value") is None:
        return
    ends = ", ".join("?" if found.get(end) is None else f"{found[end]:.2f}" for end in ("low", "high"))
    bound = f", at most {found['bound']:.2f} by Amdahl's law" if found.get("bound") is not None else ""
    yield f"  speed-up        {found['value']:.2f} [{ends}]{bound}"
