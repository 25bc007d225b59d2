from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.publish.text import block, mapping, plain, slug, visible

any_text = st.text(alphabet=st.characters(), max_size=300)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("gnp\u202eexe", "gnp⟨U+202E⟩exe"),
        ("a\x00b\x1b[31m", "a⟨U+0000⟩b⟨U+001B⟩[31m"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("two\nlines\u2028", "two⟨U+000A⟩lines⟨U+2028⟩"),
        ("lone \ud800", "lone ⟨U+D800⟩"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("模型 نموذج ok", "模型 نموذج ok"),
    ],
)
def test_what_cannot_be_seen_is_spelt_out(hostile: str, shown: str) -> None:
    assert visible(hostile) == shown


@given(any_text)
def test_nothing_invisible_is_left(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert not [
        char for char in shown if unicodedata.category(char) in ("Cc", "Cs") or char in "\u202e\u2066\u200b\u2028"
    ]


def test_endless_text_is_cut_and_says_so() -> None:
    assert visible("a" * 5000, 10) == "aaaaaaaaa…"
    assert "more characters stand in the record" in block("a" * 30_000)


def test_a_block_keeps_its_lines() -> None:
    assert block("one\r\n\ttwo\x07") == "one\n\ttwo⟨U+0007⟩"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (True, "yes"),
        (0.1 + 0.2, "0.3"),
        (float("nan"), "nan"),
        ([1, "a"], "1, a"),
        ({"a": {"b": 1}}, "a: b: 1"),
    ],
)
def test_any_json_value_reads_on_one_line(value: object, text: str) -> None:
    assert plain(value) == text


def test_endless_nesting_ends() -> None:
    value: list[object] = []
    value.append(value)
    assert len(plain(value)) < 1000


def test_anchors_are_letters_digits_and_dashes() -> None:
    assert slug('"><svg onload=1> A') == "svg-onload-1-a"
    assert slug("模型") == ""


def test_what_is_no_mapping_is_an_empty_one() -> None:
    assert mapping("x") == {}
    assert mapping({"a": 1}) == {"a": 1}
