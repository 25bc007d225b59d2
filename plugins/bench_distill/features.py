"""Losses on what layers put out: the student's features beside the teacher's.

Features come as [n, positions, channels] (see `tokens`); the student's are projected to the teacher's width beforehand
where a loss needs equal widths (`SAME_WIDTH`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor

FeatureLoss = Callable[[Tensor, Tensor], Tensor]
TINY = 1e-12


def tokens(feature: Tensor) -> Tensor:
    """Return a feature as [n, positions, channels]: images [n, c, h, w] by pixel, sequences as they are."""
    if feature.dim() == 2:
        return feature[:, None]
    return feature if feature.dim() == 3 else feature.flatten(2).transpose(1, 2)


def seen(kind: str, feature: Tensor, mask: Tensor | None) -> Tensor:
    """Return a feature, [n, positions, channels], without padding; as it is where no mask speaks of its positions.

    Losses of single positions get the tokens that count, [tokens, 1, channels]; all others zeros for the rest, and
    `rkd` states scaled so that their mean over positions is the mean over the tokens that count.
    """
    if mask is None or feature.shape[:2] != mask.shape:
        return feature
    if kind in BY_POSITION:
        return feature[mask.bool()][:, None]
    kept = feature * mask[..., None].to(feature.dtype)
    return kept * (mask.shape[1] / mask.sum(1).clamp(min=1))[:, None, None] if kind == "rkd" else kept


def hint(student: Tensor, teacher: Tensor) -> Tensor:
    """Return half the mean squared difference, the student's seen through a regressor (FitNets, Romero et al. 2015)."""
    return F.mse_loss(student, teacher) / 2


def hidden_mse(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean squared difference of hidden states (TinyBERT, Jiao et al. 2020)."""
    return F.mse_loss(student, teacher)


def cosine(student: Tensor, teacher: Tensor) -> Tensor:
    """Return 1 - cosine of each position's channels, averaged (DistilBERT, Sanh et al. 2019)."""
    return (1 - F.cosine_similarity(student, teacher, dim=-1)).mean()


def pkd(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the squared distance of unit vectors at the first position, averaged (Patient KD, Sun et al. 2019)."""
    one, other = (each[:, 0] / each[:, 0].norm(dim=1, keepdim=True).clamp(min=TINY) for each in (student, teacher))
    return (one - other).pow(2).sum(-1).mean()


def attention_transfer(student: Tensor, teacher: Tensor) -> Tensor:
    """Return half the squared distance of attention maps, averaged over examples (Zagoruyko and Komodakis 2017, eq. 2).

    A map is the sum of squares over channels at each position, of unit length.
    """
    one, other = (F.normalize(each.pow(2).sum(-1), dim=1) for each in (student, teacher))
    return (one - other).pow(2).sum(1).mean() / 2


def nst(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy of channels, kernel (x . y)^2 (Huang and Wang 2017, eq. 5).

    A channel is a vector over positions, of unit length. The double sums over channels of (x . y)^2 are the squared
    Frobenius distance of the position Gram matrices.
    """
    one, other = (F.normalize(each, dim=1) for each in (student, teacher))
    return (_by_position(one) - _by_position(other)).pow(2).sum((1, 2)).mean()


def mmd(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean squared difference of position Gram matrices (TextBrewer's variant of NST)."""
    return F.mse_loss(_by_position(student), _by_position(teacher))


def gram(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean squared difference of channel Gram matrices, [channels, channels]: FSP of a layer with itself."""
    return F.mse_loss(flow(student, student), flow(teacher, teacher))


def flow(first: Tensor, second: Tensor) -> Tensor:
    """Return the flow between two layers, [n, first's channels, second's channels] (FSP, Yim et al. 2017, eq. 1)."""
    return first.transpose(1, 2) @ second / first.shape[1]


def similarity(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the squared distance of who is like whom in the batch, over n^2 (Tung and Mori 2019)."""
    one, other = (F.normalize(each.flatten(1) @ each.flatten(1).T, dim=1) for each in (student, teacher))
    return (one - other).pow(2).sum() / len(student) ** 2


def rkd(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the relational loss on embeddings, distances + 2 x angles, of averaged features (Park et al. 2019)."""
    one, other = student.mean(1), teacher.mean(1)
    return F.smooth_l1_loss(_distances(one), _distances(other)) + 2 * F.smooth_l1_loss(_angles(one), _angles(other))


def attention_mse(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean squared difference of attention; what is below -0.001 is masked, and 0 (TextBrewer)."""
    return F.mse_loss(*(each.where(each > -1e-3, torch.zeros_like(each)) for each in (student, teacher)))


def attention_ce(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the cross-entropy of attention after a softmax, without what the teacher masks (TextBrewer)."""
    wanted = teacher.softmax(-1).where(teacher > -1e-3, torch.zeros_like(teacher))
    return -(wanted * student.log_softmax(-1)).sum(-1).mean()


LOSSES: Mapping[str, FeatureLoss] = MappingProxyType(
    {
        "hint": hint,
        "hidden-mse": hidden_mse,
        "cosine": cosine,
        "pkd": pkd,
        "attention-transfer": attention_transfer,
        "nst": nst,
        "mmd": mmd,
        "gram": gram,
        "similarity": similarity,
        "rkd": rkd,
        "attention-mse": attention_mse,
        "attention-ce": attention_ce,
    }
)
SAME_WIDTH = frozenset({"hint", "hidden-mse", "cosine", "pkd", "gram", "fsp"})
SAME_POSITIONS = frozenset({"hint", "hidden-mse", "cosine", "attention-transfer", "nst", "mmd"})
BY_POSITION = frozenset({"hint", "hidden-mse", "cosine"})
# Of attention itself, [n, heads, tokens, tokens]: compared as it comes.
AS_THEY_COME = frozenset({"attention-mse", "attention-ce"})


def _by_position(feature: Tensor) -> Tensor:
    return feature @ feature.transpose(1, 2) / feature.shape[2]


def _distances(embedding: Tensor) -> Tensor:
    """Return pairwise distances in units of their mean, the diagonal 0."""
    squared = embedding.pow(2).sum(1)
    found = (squared[:, None] + squared[None] - 2 * embedding @ embedding.T).clamp(min=TINY).sqrt()
    found = found * (1 - torch.eye(len(found), device=found.device))
    return found / found[found > 0].mean().clamp(min=TINY)


def _angles(embedding: Tensor) -> Tensor:
    """Return the cosine of the angle at each example between each two others, [n, n, n]."""
    between = F.normalize(embedding[None] - embedding[:, None], dim=2)
    return between @ between.transpose(1, 2)
