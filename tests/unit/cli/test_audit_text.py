"""The audit in words: `bench show`, and the note beside a comparison's latency."""

from bench.cli.audit_text import audit_text
from bench.cli.comparing import compare_records

from .test_comparing import by_metric, record

AUDIT = {
    "verdict": "not-executed",
    "advice": "weights are stored as int8, but products ran in float32",
    "findings": [{"about": "bits", "verdict": "not-executed", "advice": "…"}],
    "claimed": [{"step": "quantize", "bits": 8}],
    "stored": {"size": 2000, "size_encoded": 2000, "by_dtype": {"int8": 1000}, "bits_per_weight": 8.0, "zeros": 0.01},
    "executed": {"method": "a profile", "products": {"float32": 1.0}, "product_share": 0.6, "convert_share": 0.3},
    "speed_up": {"value": 0.8, "low": 0.7, "high": None, "bound": 2.5},
}


def test_every_part_is_said() -> None:
    assert "\n".join(audit_text(AUDIT)).splitlines()[1:] == [
        "audit",
        "  verdict         not-executed: weights are stored as int8, but products ran in float32",
        '  claimed         {"step": "quantize", "bits": 8}',
        "  stored          size 2.00 kB, size encoded 2.00 kB, int8 1000, 8 bits a weight, 1.0% zeros",
        (
            "  executed        products in float32 100%; products 60% of the operators' time; "
            "conversions 30% of the operators' time; by a profile"
        ),
        "  speed-up        0.80 [0.70, ?], at most 2.50 by Amdahl's law",
    ]


def test_an_old_record_has_none() -> None:
    assert list(audit_text({})) == []


def test_what_is_not_known_has_its_reason() -> None:
    lines = list(audit_text({"verdict": None, "findings": [], "executed": {"reason": "it crashed"}}))
    assert lines[-1] == "  executed        not known: it crashed"


def test_a_comparison_says_what_the_audit_found() -> None:
    first, second = record("a"), record("b", audit=AUDIT)
    note = by_metric(compare_records(first, second))["latency"].note
    assert "audit of b: not-executed, weights are stored as int8" in note
