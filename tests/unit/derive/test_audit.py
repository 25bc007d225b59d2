"""The audit's verdicts from evidence alone; the planted files are in tests/plugins/test_audit_planted.py."""

from typing import Any

import pytest

from bench.audit import VERDICTS
from bench.derive.audit import Evidence, audit
from bench.reading import Reading
from bench.record import Ratio

FLOAT = {"products": {"float32": 1.0}, "product_share": 0.8, "convert_share": 0.0, "operators": []}


def side(digest: str = "a", executed: Any = FLOAT, facts: Any = None, by_dtype: Any = None, **counts: Any) -> Evidence:
    """Return a side of 1000 weights in 4 bytes each, but for what is given."""
    known = {
        "parameters": 1000,
        "nonzero": 1000,
        "flops": 2000,
        "bitops": 1024000,
        "size": 5000,
        "size_encoded": 5000,
        **counts,
    }
    width = known.pop("width", 32)
    extra: dict[str, dict[str, Any]] = {
        "parameters": {"by_dtype": by_dtype or {"float32": known["parameters"]}},
        "flops": {"effective": known.pop("effective", known["flops"])},
        "size_encoded": {
            "weights_bytes": known["parameters"] * width / 8,
            "duplicate_bytes": 0,
            "values_by_way": known.pop("ways", {}),
        },
    }
    readings = {name: Reading.counted(value, "", **extra.get(name, {})) for name, value in known.items()}
    lineage = [{"kind": "compress", "step": "s", "facts": facts or {}}]
    return Evidence(digest, readings, executed, lineage)


BASE = side()
INT8 = {"products": {"int8": 0.9, "float32": 0.1}, "product_share": 0.5, "convert_share": 0.2}


def int8(executed: Any = INT8, **more: Any) -> Evidence:
    return side("b", executed, by_dtype={"int8": 1000}, width=8, size=2000, size_encoded=2000, bitops=64000, **more)


def test_a_baseline_has_no_verdict() -> None:
    found = audit(BASE, None)
    assert (found["verdict"], found["findings"]) == (None, [])
    assert found["stored"]["bits_per_weight"] == 32


def test_integers_that_ran_are_effective() -> None:
    assert audit(int8(), BASE)["verdict"] == "effective"


def test_unknown_execution_is_not_guessed() -> None:
    found = audit(int8({"reason": "it crashed"}), BASE)
    assert found["verdict"] is None
    assert "it crashed" in found["advice"]


def test_few_products_in_integers_are_not_executed() -> None:
    found = audit(int8({"products": {"int8": 0.05, "float32": 0.95}, "product_share": 0.9}), BASE)
    assert found["verdict"] == "not-executed"
    assert "only 5% of the products' time" in found["advice"]


@pytest.mark.parametrize(("low", "verdict"), [(1.1, "slower"), (0.99, "effective"), (None, "effective")])
def test_slower_needs_the_whole_interval(low: float | None, verdict: str) -> None:
    assert audit(int8(), BASE, Ratio(1.2, low, 1.3, "x", "paired-floor"))["verdict"] == verdict


def test_the_worst_finding_is_the_verdict() -> None:
    found = audit(int8(nonzero=200, facts={"sparsity": 0.8, "bits": 8}), BASE)
    assert {each["about"]: each["verdict"] for each in found["findings"]} == {
        "bits": "effective",
        "zeros": "masked-only",
    }
    assert found["verdict"] == "masked-only"


def test_rounding_makes_zeros_that_nobody_claimed() -> None:
    assert audit(int8(nonzero=900), BASE)["verdict"] == "effective"


def test_zeros_that_are_left_out_and_skipped() -> None:
    sparse = {**FLOAT, "operators": [{"name": "embedding_bag", "sparse": True}]}
    found = audit(side("b", sparse, parameters=200, nonzero=200, flops=400, size=2000, size_encoded=2000), BASE)
    assert [each["about"] for each in found["findings"]] == ["zeros"]
    assert found["verdict"] == "effective"


@pytest.mark.parametrize(("share", "verdict"), [(0.1, "masked-only"), (0.5, "effective")])
def test_one_sparse_layer_does_not_answer_for_zeros_that_lie_elsewhere(share: float, verdict: str) -> None:
    products = [("conv2d", 1 - share, False), ("embedding_bag", share, True)]
    operators = [{"name": n, "kind": "product", "share": part, "sparse": sparse} for n, part, sparse in products]
    assert audit(side("b", {**FLOAT, "operators": operators}, nonzero=200), BASE)["verdict"] == verdict


def test_a_codebook_claims_bytes_only() -> None:
    stored: dict[str, Any] = {"by_dtype": {"indices": 1000}, "width": 4, "facts": {"weights": "kmeans codebook"}}
    assert audit(side("b", size=1500, size_encoded=1500, **stored), BASE)["verdict"] == "effective"
    assert audit(side("b", size=5100, size_encoded=5100, **stored), BASE)["verdict"] == "no-op"


def test_packed_integers_are_no_codebook() -> None:
    found = audit(side("b", by_dtype={"indices": 1000}, width=4, size=1500, facts={"weights": "int4"}), BASE)
    assert found["verdict"] == "not-executed"


def test_products_on_packed_weights_are_executed() -> None:
    packed = {"products": {"float32 on int4 weights": 1.0}, "product_share": 0.8}
    found = audit(side("b", packed, by_dtype={"uint4": 1000}, width=4, size=1500, facts={"weights": "int4"}), BASE)
    assert found["verdict"] == "effective"


def test_the_same_file_is_no_compression() -> None:
    found = audit(BASE, BASE)
    assert found["verdict"] == "no-op"
    assert "byte by byte" in found["advice"]


def test_uncounted_files_are_not_judged() -> None:
    assert audit(Evidence("b", {}), Evidence("a", {}))["verdict"] is None


def test_amdahl() -> None:
    """Products at 80 % of the time and a quarter of the work: 1 / (0.2 + 0.8 / 4)."""
    found = audit(int8(), BASE, Ratio(0.5, 0.4, 0.6, "x", "paired-floor"))["speed_up"]
    assert found["bound"] == pytest.approx(2.5)
    assert (found["value"], found["low"], found["high"]) == (2.0, pytest.approx(1 / 0.6), 2.5)


def test_every_verdict_is_known() -> None:
    for evidence in (int8(), int8({"reason": "x"}), side("b", nonzero=100), BASE):
        assert audit(evidence, BASE)["verdict"] in (None, *VERDICTS)


def test_a_format_that_no_counter_reads_is_not_said_to_be_uncompressed() -> None:
    uncounted = Evidence("b", {"size": Reading.counted(1300, "B")}, FLOAT, side().lineage)
    found = audit(uncounted, side("a"), None)
    assert found["verdict"] is None
    assert "is unknown" in str(found["advice"])
    assert "nothing was compressed" not in str(found["advice"])
