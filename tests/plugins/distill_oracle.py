"""Write what TextBrewer answers on seeded tensors: `python tests/plugins/distill_oracle.py`, with TextBrewer installed.

TextBrewer 0.2.1.post1 (Apache-2.0) is no dependency; its answers lie in distill_oracle.json, so that the test that ours
agree runs without it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

ANSWERS = Path(__file__).with_name("distill_oracle.json")


def tensors() -> dict[str, torch.Tensor]:
    """Return the tensors that both are asked about: logits, features of two layers, attention with masked places."""
    dice = torch.Generator().manual_seed(7)
    draw = {name: torch.randn(size, generator=dice, dtype=torch.float64) for name, size in SIZES.items()}
    for name in ("attention_s", "attention_t"):
        draw[name] = draw[name].where(draw[name] > -1, torch.full_like(draw[name], -10_000.0))
    return draw


SIZES = {
    **dict.fromkeys(("logits_s", "logits_t"), (6, 5)),
    **dict.fromkeys(("first_s", "first_t", "second_s", "second_t"), (3, 7, 4)),
    **dict.fromkeys(("wide_t",), (3, 7, 9)),
    **dict.fromkeys(("attention_s", "attention_t"), (2, 3, 5, 5)),
}


def answers() -> dict[str, Any]:
    """Return what TextBrewer says of them."""
    from textbrewer import losses as theirs
    from textbrewer import schedulers

    t = tensors()
    flsw = schedulers.flsw_temperature_scheduler_builder(1.5, 2)
    cwsm = schedulers.cwsm_temperature_scheduler_builder(0.5)
    found = {
        "ce": theirs.kd_ce_loss(t["logits_s"], t["logits_t"], 4.0),
        "mse": theirs.kd_mse_loss(t["logits_s"], t["logits_t"], 4.0),
        "flsw": flsw(t["logits_s"], t["logits_t"], 4.0),
        "cwsm": cwsm(t["logits_s"], t["logits_t"], 4.0),
        "hidden-mse": theirs.hid_mse_loss(t["first_s"], t["first_t"]),
        "cosine": theirs.cos_loss(t["first_s"], t["first_t"]),
        "pkd": theirs.pkd_loss(t["first_s"], t["first_t"]),
        "gram": theirs.fsp_loss([t["first_s"]] * 2, [t["first_t"]] * 2),
        "fsp": theirs.fsp_loss([t["first_s"], t["second_s"]], [t["first_t"], t["second_t"]]),
        "mmd": theirs.mmd_loss([t["first_s"]] * 2, [t["wide_t"]] * 2),
        "attention-mse": theirs.att_mse_loss(t["attention_s"], t["attention_t"]),
        "attention-ce": theirs.att_ce_loss(t["attention_s"], t["attention_t"]),
    }
    return {name: each.tolist() for name, each in found.items()}


if __name__ == "__main__":
    ANSWERS.write_text(json.dumps(answers(), indent=1) + "\n", encoding="utf-8")
