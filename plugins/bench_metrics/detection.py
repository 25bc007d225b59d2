"""Mean average precision of boxes, from pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
OUTPUTS = ("boxes", "scores", "labels")
Rows = Sequence[Mapping[str, Any]]


def average_precision(outputs: Mapping[str, Array], labels: Array) -> Callable[[Array], float]:
    """Return what gives COCO's average precision (overlap 0.50:0.95, all sizes, 100 boxes) of some examples.

    The model answers `boxes` (n, k, 4: left, top, right, bottom), `scores` (n, k; 0 or less is padding) and `labels`
    (n, k), by these names or in this order. The data's labels have shape (n, m, 5): class, then the box; a negative
    class is padding. Raises ValueError for other shapes and for data without one box.
    """
    truth, answers = np.asarray(labels), _answers(outputs)
    if truth.ndim != 3 or truth.shape[2] != 5 or truth.dtype.kind not in "fiu":
        raise ValueError(f"`labels` are (n, m, 5), class and box, not {truth.dtype} of shape {truth.shape}")
    if not (truth[..., 0] >= 0).any():
        raise ValueError("the labels hold no box")
    judge = _judge(len(truth), _known(truth), _found(*answers))
    each = np.array(judge.evalImgs, dtype=object).reshape(-1, len(truth))  # classes x examples

    def value_of(rows: Array) -> float:
        judge.evalImgs = list(each[:, rows].reshape(-1))
        judge.params.imgIds = judge._paramsEval.imgIds = [int(row) for row in rows]
        with contextlib.redirect_stdout(io.StringIO()):
            judge.accumulate()
        precision = judge.eval["precision"]
        return float(precision[precision > -1].mean())

    return value_of


def _judge(n: int, known: Rows, found: Rows) -> Any:
    """Return COCO's evaluation of all examples, each matched with its boxes; nothing is summed up yet."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    kinds = sorted({each["category_id"] for each in known})
    images, categories = [{"id": each} for each in range(n)], [{"id": each} for each in kinds]
    with contextlib.redirect_stdout(io.StringIO()):
        sides = [_index(COCO(), images, categories, each) for each in (known, found)]
        judge = COCOeval(*sides, iouType="bbox")
        judge.params.imgIds, judge.params.catIds = list(range(n)), kinds
        judge.params.areaRng, judge.params.areaRngLbl = judge.params.areaRng[:1], judge.params.areaRngLbl[:1]
        judge.params.maxDets = judge.params.maxDets[-1:]
        judge.evaluate()
    return judge


def _index(coco: Any, images: Any, categories: Any, boxes: Rows) -> Any:
    coco.dataset = {"images": images, "categories": categories, "annotations": [dict(each) for each in boxes]}
    coco.createIndex()
    return coco


def _answers(outputs: Mapping[str, Array]) -> list[Array]:
    given = [outputs[each] for each in OUTPUTS] if set(OUTPUTS) <= set(outputs) else list(outputs.values())[:3]
    shapes = [np.shape(each) for each in given]
    good = len(given) == 3 and len(shapes[0]) == 3 and shapes[0][2] == 4 and shapes[1] == shapes[2] == shapes[0][:2]
    if not good:
        raise ValueError(f"map wants boxes (n, k, 4), scores (n, k) and labels (n, k), not {shapes}")
    return [np.asarray(each) for each in given]


def _known(truth: Array) -> Rows:
    rows = [(image, box) for image, row in enumerate(truth) for box in row if box[0] >= 0]
    return [_box(at, image, int(box[0]), box[1:]) for at, (image, box) in enumerate(rows)]


def _found(boxes: Array, scores: Array, classes: Array) -> Rows:
    places = list(zip(*np.nonzero(scores > 0), strict=True))
    return [
        {**_box(at, int(place[0]), int(classes[place]), boxes[place]), "score": float(scores[place])}
        for at, place in enumerate(places)
    ]


def _box(at: int, image: int, kind: int, corners: Array) -> dict[str, Any]:
    left, top, right, bottom = (float(each) for each in corners)
    size = {"bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top)}
    return {"id": at + 1, "image_id": image, "category_id": kind, "iscrowd": 0, **size}
