"""Frames survive any split and no garbage passes for a message."""

import itertools
import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.wire import Message, WireError
from bench.wire.frames import ARRAYS_LIMIT_BYTES, HEADER, JSON_LIMIT_BYTES, MAGIC, Decoder, encode

TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
DATA = st.dictionaries(TEXT, JSON, max_size=5)
KINDS = st.sampled_from(["int64", "float32", "bool", "uint8"])
ARRAYS = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_.]{0,8}", fullmatch=True),
    st.builds(np.ones, st.lists(st.integers(0, 5), max_size=3).map(tuple), KINDS),
    max_size=3,
)


def decode(chunks: list[bytes]) -> list[Message]:
    decoder, found = Decoder(), []
    for chunk in chunks:
        decoder.feed(chunk)
        while (message := decoder.next()) is not None:
            found.append(message)
    return found


def same(left: Message, right: Message) -> bool:
    arrays = all(np.array_equal(left.arrays[name], right.arrays[name]) for name in left.arrays)
    kinds = all(left.arrays[name].dtype == right.arrays[name].dtype for name in left.arrays)
    return left.data == right.data and set(left.arrays) == set(right.arrays) and arrays and kinds


@settings(deadline=None, max_examples=60)
@given(st.lists(st.builds(Message, DATA, ARRAYS), min_size=1, max_size=3), st.lists(st.integers(0, 4000), max_size=6))
def test_messages_survive_any_split(messages: list[Message], cuts: list[int]) -> None:
    stream = b"".join(encode(each) for each in messages)
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    found = decode([stream[a:b] for a, b in itertools.pairwise(places)])
    assert len(found) == len(messages)
    assert all(same(each, original) for each, original in zip(found, messages, strict=True))


def test_a_message_survives_a_byte_at_a_time() -> None:
    message = Message({"verb": "block", "n": 7}, {"samples": np.arange(12)})
    (found,) = decode([bytes([each]) for each in encode(message)])
    assert same(found, message)


def test_every_truncation_is_no_message_yet() -> None:
    stream = encode(Message({"a": 1}, {"x": np.zeros(3)}))
    assert all(decode([stream[:length]]) == [] for length in range(len(stream)))


@settings(deadline=None, max_examples=200)
@given(st.binary(min_size=4, max_size=200).filter(lambda data: not data.startswith(MAGIC)))
def test_garbage_is_noticed_at_once(data: bytes) -> None:
    with pytest.raises(WireError, match="no message"):
        decode([data])


@pytest.mark.parametrize("data", [b"X", b"JBX", b"\x00", b"garbage"])
def test_the_first_wrong_byte_is_enough(data: bytes) -> None:
    with pytest.raises(WireError, match="no message"):
        decode([data])


@pytest.mark.parametrize(
    ("json_bytes", "array_bytes"), [(JSON_LIMIT_BYTES + 1, 0), (2, ARRAYS_LIMIT_BYTES + 1), (2**32 - 1, 2**64 - 1)]
)
def test_absurd_lengths_are_refused_before_anything_is_awaited(json_bytes: int, array_bytes: int) -> None:
    with pytest.raises(WireError, match="no message"):
        decode([HEADER.pack(MAGIC, json_bytes, array_bytes, 0)])


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    stream = bytearray(encode(Message({"reply": "fine", "n": [1, 2, 3]}, {"x": np.arange(40)})))
    place = data.draw(st.integers(0, len(stream) - 1))
    stream[place] ^= data.draw(st.integers(1, 255))
    decoder = Decoder()
    decoder.feed(bytes(stream))
    try:
        assert decoder.next() is None  # a length that grew: more bytes are awaited
    except WireError as error:
        assert "message" in str(error)


def frame(body: bytes, blob: bytes = b"") -> bytes:
    return HEADER.pack(MAGIC, len(body), len(blob), zlib.crc32(blob, zlib.crc32(body))) + body + blob


@pytest.mark.parametrize("body", [b"[1]", b"3", b"null", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        decode([frame(body)])


@pytest.mark.parametrize("blob", [b"PK\x03\x04" + b"x" * 50, b"not an archive", b"\x93NUMPY", b"\x80\x04N."])
def test_arrays_that_are_none_are_refused(blob: bytes) -> None:
    with pytest.raises(WireError):
        decode([frame(b"{}", blob)])


def test_pickled_arrays_are_refused() -> None:
    import io

    stream = io.BytesIO()
    np.savez(stream, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(WireError, match="pickle"):
        decode([frame(b"{}", stream.getvalue())])


def test_what_json_cannot_say_is_refused_by_the_sender() -> None:
    with pytest.raises(TypeError):
        encode(Message({"value": object()}))


def test_a_message_too_long_to_be_read_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.wire.frames.JSON_LIMIT_BYTES", 100)
    with pytest.raises(ValueError, match="too long to send"):
        encode(Message({"log": "x" * 200}))


def test_the_header_is_what_the_other_side_expects() -> None:
    data = {"verb": "hello"}
    stream = encode(Message(data))
    magic, json_bytes, blob_bytes, _ = struct.unpack(">4sIQI", stream[:20])
    assert (magic, blob_bytes) == (b"JBW1", 0)
    assert json.loads(stream[20 : 20 + json_bytes]) == data
