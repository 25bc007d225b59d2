"""Labels beside points, greedily: each takes the first free place round its point, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.publish.model import Label

CHARACTER, LINE, GAP = 6.1, 13.0, 9.0

Box = tuple[float, float, float, float]


def place_labels(places: Sequence[tuple[float, float]], texts: Mapping[int, str], bounds: Box) -> tuple[Label, ...]:
    """Return labels that touch neither a point, nor one another, nor the bounds (left, top, right, bottom)."""
    taken: list[Box] = [(x - 7, y - 7, x + 7, y + 7) for x, y in places]
    out = []
    for at, text in texts.items():
        x, y = places[at]
        wide = CHARACTER * len(text)
        for place, left, base in _tries(x, y, wide):
            box = (left, base - LINE + 3, left + wide, base + 3)
            if _inside(box, bounds) and not any(_touch(box, each) for each in taken):
                taken.append(box)
                anchor = {"start": left, "end": left + wide, "middle": left + wide / 2}[place]
                out.append(Label(f"{anchor:.1f}", f"{base:.1f}", text, place))
                break
    return tuple(out)


def _tries(x: float, y: float, wide: float) -> list[tuple[str, float, float]]:
    return [
        ("start", x + GAP, y - GAP + 3),
        ("start", x + GAP, y + GAP + 5),
        ("end", x - GAP - wide, y - GAP + 3),
        ("start", x + GAP + 3, y + 4),
        ("end", x - GAP - 3 - wide, y + 4),
        ("middle", x - wide / 2, y - GAP - 4),
        ("middle", x - wide / 2, y + GAP + 12),
        ("end", x - GAP - wide, y + GAP + 5),
    ]


def _inside(box: Box, bounds: Box) -> bool:
    return box[0] >= bounds[0] and box[1] >= bounds[1] and box[2] <= bounds[2] and box[3] <= bounds[3]


def _touch(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
