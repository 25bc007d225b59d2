"""Rules of the audit, one for each way in which a model can become cheaper: a finding, or None where it does not apply.

Every rule is given what both files store (`bench.derive.audit.stored`), what both sessions executed, and the claims.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bench.audit import Finding

Facts = Mapping[str, Any]
Claims = Sequence[Facts]
# Below these shares of the uncompressed model's, a number has fallen. Folding normalisation into convolutions takes
# some per cent of a small model's parameters away, which is no compression.
FEWER_PARAMETERS, FEWER_FLOPS, FEWER_BITS, FEWER_BYTES = 0.9, 0.98, 0.95, 0.98
MORE_ZEROS = 0.02
MOST_VALUES = 0.5  # share of the weights, from which on a model is one of few values
WORTH_SAYING = 0.05  # share of the time
EXECUTED = 0.2  # share of the products' time; products in few bits take less time than those left in float
BITS = re.compile(r"(\d+)")


def smaller(mine: Facts, theirs: Facts, executed: Facts, base: Facts, claims: Claims) -> Finding | None:
    """Fewer weights or products: channels, heads, layers or ranks are gone, or zeros are left out."""
    del base, claims
    work = _below(mine, theirs, "flops", FEWER_FLOPS)
    if not work and not _below(mine, theirs, "parameters", FEWER_PARAMETERS):
        return None
    if _is_sparse(executed):
        return Finding("zeros", "effective", "zeros are neither stored nor multiplied")
    if work:
        return Finding("structure", "effective", f"{_ratio(mine, theirs, 'flops')} of the operations are left")
    advice = f"{_ratio(mine, theirs, 'parameters')} of the weights are left, and as many operations: bytes are saved"
    return Finding("structure", "effective", advice)


def codebook(mine: Facts, theirs: Facts, executed: Facts, base: Facts, claims: Claims) -> Finding | None:
    """Weights stored as indices into a table. No runtime multiplies indices, so bytes are all that is claimed."""
    del executed, base
    if not _is_codebook(mine, claims):
        return None
    if not _below(mine, theirs, "size", FEWER_BYTES):
        advice = "indices are stored, but tables and decoding nodes take as much: use it on a larger model"
        return Finding("bytes", "no-op", advice)
    advice = f"{_ratio(mine, theirs, 'size')} of the bytes are left; products still run on decoded floats"
    return Finding("bytes", "effective", advice)


def narrower(mine: Facts, theirs: Facts, executed: Facts, base: Facts, claims: Claims) -> Finding | None:
    """Weights stored in fewer bits of a type that has products of its own: whether those ran."""
    if not _below(mine, theirs, "bits_per_weight", FEWER_BITS) or _is_codebook(mine, claims):
        return None
    kind = _narrow_type(mine, claims)
    if "products" not in executed:
        why = executed.get("reason", "the backend does not say")
        return Finding(
            "bits", None, f"weights are stored in fewer bits ({kind}); what was executed is not known: {why}"
        )
    share = _narrow_share(executed, base)
    ran = ", ".join(f"{name} {part:.0%}" for name, part in executed["products"].items())
    if share >= EXECUTED:
        return Finding("bits", "effective", f"weights are stored and multiplied in fewer bits (products: {ran})")
    spent = executed.get("convert_share") or 0
    lost = f" after {spent:.0%} of the time went into conversions" if spent >= WORTH_SAYING else ""
    some = f"only {share:.0%} of the products' time ran in few bits" if share else f"products ran in {_main(executed)}"
    cure = "" if "float" in kind else "a mode that quantises activations too, or "
    advice = (
        f"weights are stored as {kind}, but {some}{lost}: use {cure}a runtime and processor with products of this type"
    )
    return Finding("bits", "not-executed", advice)


def mask(mine: Facts, theirs: Facts, executed: Facts, base: Facts, claims: Claims) -> Finding | None:
    """Weights set to zero: whether a file leaves them out, and whether products skip them."""
    del base
    zeros = mine.get("zeros", 0.0) - theirs.get("zeros", 0.0)
    wanted = any(_is_mask(each) for each in claims)
    narrow = _below(mine, theirs, "bits_per_weight", FEWER_BITS)
    rounded = narrow or _gained_few_values(mine, theirs)  # rounding to few levels makes zeros too
    if zeros <= MORE_ZEROS or (rounded and not wanted):
        return None
    if _sparse_share(executed) >= EXECUTED:
        return Finding("zeros", "effective", "the runtime's products skip zeros")
    encoded, size = mine.get("size_encoded"), mine.get("size")
    if _below(mine, theirs, "size", FEWER_BYTES) and not narrow and encoded and size and encoded > 0.9 * size:
        advice = "zeros are left out of the file, but multiplied: use a runtime with sparse kernels"
        return Finding("zeros", "not-executed", advice)
    could = f" (left out, the file would take {encoded / size:.0%} of its bytes)" if encoded and size else ""
    advice = (
        f"{mine['zeros']:.0%} of the weights are zero and stored densely{could}: "
        "use structured pruning, or a runtime with sparse kernels"
    )
    return Finding("zeros", "masked-only", advice)


def fewer_values(mine: Facts, theirs: Facts, executed: Facts, base: Facts, claims: Claims) -> Finding | None:
    """Weights rounded to a grid or to a codebook, but stored as floats of full width."""
    del executed, base, claims
    if not _gained_few_values(mine, theirs) or _below(mine, theirs, "bits_per_weight", FEWER_BITS):
        return None
    encoded, size = mine.get("size_encoded"), mine.get("size")
    could = f" (stored as integers or indices, the file would take {encoded / size:.0%})" if encoded and size else ""
    advice = f"weights have few values, but are stored and multiplied as floats{could}: store integers or indices"
    return Finding("values", "dequantised", advice)


def nothing(mine: Facts, theirs: Facts, same: bool) -> Finding:
    """No gain of any kind."""
    counted = "parameters" in mine and "parameters" in theirs
    more = mine.get("duplicate_bytes", 0) - theirs.get("duplicate_bytes", 0)
    if more > 0 and more >= (1 - FEWER_PARAMETERS) * mine.get("weights_bytes", math.inf):
        advice = f"equal weights are stored more than once ({more:,.0f} bytes of copies): share them in the file"
    elif same:
        advice = "the file is the uncompressed model's own, byte by byte: the recipe changed nothing"
    elif not counted:
        advice = "weights are not counted in both files (no counter reads the format): what was compressed is unknown"
    else:
        advice = "weights, their types and zeros, and the operations are as many as before: nothing was compressed"
    return Finding("nothing", "no-op" if same or counted else None, advice)


def _below(mine: Facts, theirs: Facts, name: str, share: float) -> bool:
    ours, base = mine.get(name), theirs.get(name)
    if ours is None or not base:
        return False
    return bool(ours < share * base)


def _ratio(mine: Facts, theirs: Facts, name: str) -> str:
    return f"{mine[name] / theirs[name]:.0%}"


def _gained_few_values(mine: Facts, theirs: Facts) -> bool:
    return bool(mine.get("few_values", 0.0) - theirs.get("few_values", 0.0) >= MOST_VALUES)


def _is_sparse(executed: Facts) -> bool:
    return any(each.get("sparse") for each in executed.get("operators", ()))


def _sparse_share(executed: Facts) -> float:
    """Return the share of the products' time that went into sparse ones: one layer makes no sparse model."""
    spent = [each for each in executed.get("operators", ()) if each.get("kind") == "product"]
    total = sum(each.get("share", 0.0) for each in spent)
    return sum(each.get("share", 0.0) for each in spent if each.get("sparse")) / total if total else 0.0


def _is_mask(claim: Facts) -> bool:
    return bool(claim.get("sparsity")) and "parameters_before" not in claim


def _is_codebook(mine: Facts, claims: Claims) -> bool:
    """Whether most weights are indices; those of linear levels stand for integers, which could be multiplied."""
    by_dtype = mine.get("by_dtype", {})
    if by_dtype.get("indices", 0) < MOST_VALUES * sum(by_dtype.values()) or not by_dtype:
        return False
    said = [str(each["weights"]) for each in claims if "weights" in each]
    return not said or "codebook" in said[-1]


def _narrow_type(mine: Facts, claims: Claims) -> str:
    by_dtype = {name: count for name, count in mine.get("by_dtype", {}).items() if name not in ("float", "float32")}
    found = str(max(by_dtype, key=lambda name: by_dtype[name])) if by_dtype else "few bits"
    said = [str(each["weights"]) for each in claims if "weights" in each]
    return said[-1] if found == "indices" and said else found


def _narrow_share(executed: Facts, base: Facts) -> float:
    """Return the share of the products' time in fewer bits than the uncompressed model's widest product.

    Time in which weights become floats again counts as that of products in float.
    """
    widest = max(map(_bits, base.get("products") or {"float32": 1.0}))
    narrow = float(sum(share for name, share in executed["products"].items() if _bits(name) < widest))
    own, again = executed.get("product_share") or 1.0, executed.get("dequantise_share") or 0.0
    return narrow * own / (own + again)


def _bits(product: str) -> int:
    """Return the fewest bits that a product's name speaks of: "float32 on int4 weights" takes its weights packed."""
    packed = [8] if "packed" in product else []
    return min([*packed, *(int(each) for each in BITS.findall(product))], default=32)


def _main(executed: Facts) -> str:
    products = executed["products"]
    return str(max(products, key=lambda name: products[name])) if products else "no product at all"
