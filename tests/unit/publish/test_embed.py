from __future__ import annotations

import base64
import gzip
import json
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.publish.embed import csp_hash, dumps, for_script, packed

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_json_in_a_script_reads_back_and_ends_nothing(value: object) -> None:
    text = for_script(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")


@given(st.text())
def test_packed_text_unpacks(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    assert gzip.decompress(base64.b64decode(packed(text))).decode() == text


def test_packing_is_the_same_every_time() -> None:
    assert packed("a" * 1000) == packed("a" * 1000)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_json_has_no_word_for_becomes_null(bad: float) -> None:
    assert json.loads(dumps({"a": [bad, 1.5], "b": {"c": bad}})) == {"a": [None, 1.5], "b": {"c": None}}


def test_unknown_types_become_their_text() -> None:
    assert json.loads(dumps({"a": Fraction(1, 3)})) == {"a": "1/3"}


@pytest.mark.parametrize("value", ["half a pair: \ud800", "line\u2028", 10**30, 1e-05, {"a": (1, [None, True])}])
def test_what_comes_out_reads_as_what_went_in(value: object) -> None:
    assert json.loads(dumps(value)) == json.loads(json.dumps(value))


def test_the_hash_is_what_a_browser_computes() -> None:
    # The example of the CSP specification, section 8.3: alert('Hello, world.');
    assert csp_hash("alert('Hello, world.');") == "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
