"""Frames: magic, lengths and a checksum in front of JSON and npz, so that garbage is noticed at once."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.errors import WorkerError

MAGIC = b"JBW1"
HEADER = struct.Struct(">4sIQI")
JSON_LIMIT_BYTES = 1 << 26
ARRAYS_LIMIT_BYTES = 1 << 32


class WireError(WorkerError):
    """Bytes on the wire that are no message."""


@dataclass(frozen=True)
class Message:
    """One message: `data` is JSON, `arrays` are numpy arrays by name."""

    data: Mapping[str, Any]
    arrays: Mapping[str, Any] = field(default_factory=dict)


def encode(message: Message) -> bytes:
    """Return the bytes of a message. Raises TypeError or ValueError for what cannot be sent."""
    body = json.dumps(message.data, separators=(",", ":")).encode()
    blob = _npz(message.arrays) if message.arrays else b""
    if len(body) > JSON_LIMIT_BYTES or len(blob) > ARRAYS_LIMIT_BYTES:
        raise ValueError(
            f"a message of {len(body):,} bytes of JSON and {len(blob):,} bytes of arrays is too long to send"
        )
    return HEADER.pack(MAGIC, len(body), len(blob), _checksum(body, blob)) + body + blob


class Decoder:
    """Collects bytes as they arrive and returns a message when one is whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take some more bytes."""
        self._buffer += data

    def next(self) -> Message | None:
        """Return the next whole message, or None. Raises WireError when the bytes are no message."""
        if len(self._buffer) < HEADER.size:
            if not MAGIC.startswith(bytes(self._buffer[:4])):
                raise WireError(_garbage(self._buffer))
            return None
        magic, json_bytes, blob_bytes, checksum = HEADER.unpack_from(self._buffer)
        if magic != MAGIC or json_bytes > JSON_LIMIT_BYTES or blob_bytes > ARRAYS_LIMIT_BYTES:
            raise WireError(_garbage(self._buffer))
        end = HEADER.size + json_bytes + blob_bytes
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[HEADER.size : HEADER.size + json_bytes])
        blob = bytes(self._buffer[HEADER.size + json_bytes : end])
        del self._buffer[:end]
        return _message(body, blob, checksum)


def _checksum(body: bytes, blob: bytes) -> int:
    return zlib.crc32(blob, zlib.crc32(body))


def _message(body: bytes, blob: bytes, checksum: int) -> Message:
    if _checksum(body, blob) != checksum:
        raise WireError("the worker's message is damaged (checksum); something else writes to its pipe")
    try:
        data = json.loads(body)
        arrays = _arrays(blob) if blob else {}
    except (ValueError, OSError, KeyError, EOFError, RecursionError, zipfile.BadZipFile, zlib.error) as error:
        raise WireError(f"the worker's message cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise WireError("the worker's message is no JSON object")
    return Message(data, arrays)


def _npz(arrays: Mapping[str, Any]) -> bytes:
    import numpy as np

    stream = io.BytesIO()
    np.savez(stream, **dict(arrays))
    return stream.getvalue()


def _arrays(blob: bytes) -> dict[str, Any]:
    import numpy as np

    with np.load(io.BytesIO(blob), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _garbage(data: bytes | bytearray) -> str:
    shown = bytes(data[:24]).decode("ascii", "backslashreplace")
    return f"the worker wrote {len(data)} bytes to its message pipe that are no message (they begin {shown!r})"
