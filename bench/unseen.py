"""Text without anything unseen: what cannot be seen is shown by its code point, what is endless is cut."""

from __future__ import annotations

import re

# Controls, direction overrides and isolates, invisible and line-breaking characters, lone surrogates, tag characters:
# each can make a name look like another one, or like nothing (Unicode TR36, section 2.10.5; TR39).
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_UNSEEN_IN_BLOCK = re.compile(_UNSEEN.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
LINE_LIMIT = 400
BLOCK_LIMIT = 20_000


def visible(value: object, limit: int = LINE_LIMIT) -> str:
    """Return a value as one line of text in which every invisible or direction-changing character is spelt out.

    >>> visible("gnp" + chr(0x202E) + "exe")
    'gnp⟨U+202E⟩exe'
    """
    text = value if isinstance(value, str) else str(value)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return text if text.isprintable() else _UNSEEN.sub(_spell, text)


def block(value: object, limit: int = BLOCK_LIMIT) -> str:
    """Return text of several lines, a traceback say: as `visible`, but line breaks and tabs stay."""
    text = str(value).replace("\r\n", "\n")
    if len(text) > limit:
        text = f"{text[:limit]}\n… cut: {len(text) - limit} more characters stand in the record"
    return _UNSEEN_IN_BLOCK.sub(_spell, text)


def _spell(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"
