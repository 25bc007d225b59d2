from __future__ import annotations

import base64
import gzip
import json
import math

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
    assert json.loads(dumps({"a": {1}})) == {"a": "{1}"}


def test_the_hash_is_what_a_browser_computes() -> None:
    # The example of the CSP specification, section 8.3: alert('Hello, world.');
    assert csp_hash("alert('Hello, world.');") == "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
