"""Feature losses: against their papers' formulae computed another way, and against TextBrewer's answers."""

import importlib.util
import json
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import torch
from bench_distill import features
from bench_distill.losses import SOFT_LOSSES
from bench_distill.matching import Lesson, match_of
from bench_distill.schedules import cwsm, flsw
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import bench

spec = importlib.util.spec_from_file_location("distill_oracle", Path(__file__).with_name("distill_oracle.py"))
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)


def draw(*size, seed=0):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


STUDENT, TEACHER, WIDE = draw(4, 6, 3), draw(4, 6, 3, seed=1), draw(4, 6, 5, seed=2)


def ours():
    t = oracle.tensors()
    pairs = dict.fromkeys(("hidden-mse", "cosine", "pkd", "gram"), (t["first_s"], t["first_t"]))
    pairs |= {"mmd": (t["first_s"], t["wide_t"])}
    pairs |= dict.fromkeys(("attention-mse", "attention-ce"), (t["attention_s"], t["attention_t"]))
    found = {name: features.LOSSES[name](*pair) for name, pair in pairs.items()}
    flows = [features.flow(t[f"first_{who}"], t[f"second_{who}"]) for who in "st"]
    logits = (t["logits_s"], t["logits_t"])
    return {
        **found,
        "fsp": nn.functional.mse_loss(*flows),
        "ce": SOFT_LOSSES["ce"](*logits, 4.0) / 16,  # theirs leaves T^2 to the loss's weight
        "mse": SOFT_LOSSES["mse"](*logits, 4.0) / 16,
        "flsw": flsw(*logits, base=4.0, beta=1.5, gamma=2),
        "cwsm": cwsm(*logits, base=4.0, beta=0.5, gamma=0),
    }


def test_ours_agree_with_textbrewer():
    theirs = json.loads(oracle.ANSWERS.read_text(encoding="utf-8"))
    found = ours()
    assert set(theirs) == set(found)
    for name, value in theirs.items():
        assert found[name].tolist() == pytest.approx(value, rel=1e-9), name


@pytest.mark.skipif(importlib.util.find_spec("textbrewer") is None, reason="an oracle, whose answers are on file")
def test_the_answers_on_file_are_textbrewers():
    theirs = json.loads(oracle.ANSWERS.read_text(encoding="utf-8"))
    assert {name: pytest.approx(each) for name, each in oracle.answers().items()} == theirs


def test_attention_transfer_compares_unit_maps_of_squares():
    total = 0.0
    for one, other in zip(STUDENT.numpy(), WIDE.numpy(), strict=True):
        maps = [(each**2).sum(1) / np.linalg.norm((each**2).sum(1)) for each in (one, other)]
        total += 0.5 * np.sum((maps[0] - maps[1]) ** 2)
    assert float(features.attention_transfer(STUDENT, WIDE)) == pytest.approx(total / len(STUDENT))


def test_nst_is_the_discrepancy_of_two_sets_of_channels_under_the_squared_product():
    def kernel(x, y):
        return (x @ y) ** 2

    total = 0.0
    for one, other in zip(STUDENT.numpy(), WIDE.numpy(), strict=True):
        s, t = ([c / np.linalg.norm(c) for c in each.T] for each in (one, other))
        total += np.mean([kernel(x, y) for x, y in product(t, t)]) + np.mean([kernel(x, y) for x, y in product(s, s)])
        total -= 2 * np.mean([kernel(x, y) for x, y in product(s, t)])
    assert float(features.nst(STUDENT, WIDE)) == pytest.approx(total / len(STUDENT))


def test_similarity_compares_rows_of_unit_length():
    grams = []
    for each in (STUDENT, WIDE):
        flat = each.flatten(1).numpy()
        gram = flat @ flat.T
        grams.append(gram / np.linalg.norm(gram, axis=1, keepdims=True))
    assert float(features.similarity(STUDENT, WIDE)) == pytest.approx(((grams[0] - grams[1]) ** 2).sum() / 16)


def test_rkd_compares_distances_in_units_of_their_mean_and_angles_of_triplets():
    def huber(x):
        return np.where(np.abs(x) < 1, x**2 / 2, np.abs(x) - 0.5)

    one, other = (each.mean(1).numpy() for each in (STUDENT, WIDE))
    distances, angles = [], []
    for points in (one, other):
        found = np.linalg.norm(points[:, None] - points[None], axis=2)
        distances.append(found / found[found > 0].mean())
        cosines = np.zeros((4, 4, 4))
        for j, i, k in permutations(range(4), 3):
            a, b = points[i] - points[j], points[k] - points[j]
            cosines[j, i, k] = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        for j, i in permutations(range(4), 2):
            cosines[j, i, i] = 1
        angles.append(cosines)
    wanted = huber(distances[0] - distances[1]).mean() + 2 * huber(angles[0] - angles[1]).mean()
    assert float(features.rkd(STUDENT, WIDE)) == pytest.approx(wanted, rel=1e-6)


def test_a_hint_is_half_the_squared_distance():
    assert float(features.hint(STUDENT, TEACHER)) == pytest.approx(((STUDENT - TEACHER) ** 2).mean().item() / 2)


@pytest.mark.parametrize("name", features.LOSSES)
@given(seed=st.integers(0, 1000))
def test_a_student_equal_to_its_teacher_has_nothing_to_learn(name, seed):
    attention = name in features.AS_THEY_COME
    teacher = draw(3, 2, 4, 4, seed=seed) if attention else draw(3, 4, 5, seed=seed)
    student = teacher.clone().requires_grad_()
    loss = features.LOSSES[name](student, teacher)
    loss.backward()
    assert name == "attention-ce" or float(loss.detach()) == pytest.approx(0, abs=1e-12)
    assert name == "attention-ce" or torch.allclose(student.grad, torch.zeros_like(student), atol=1e-6)
    assert loss.isfinite()


@pytest.mark.parametrize("name", features.LOSSES)
def test_every_loss_is_lowered_by_following_its_gradient(name):
    attention = name in features.AS_THEY_COME
    teacher = draw(6, 2, 4, 4).abs() if attention else draw(6, 4, 5)
    student = (draw(6, 2, 4, 4, seed=3).abs() if attention else draw(6, 4, 5, seed=3)).requires_grad_()
    optimiser = torch.optim.Adam([student], 0.01)
    values = []
    for _ in range(200):
        optimiser.zero_grad()
        loss = features.LOSSES[name](student, teacher)
        loss.backward()
        optimiser.step()
        values.append(float(loss.detach()))
    floor = float(features.LOSSES[name](teacher, teacher)) if name == "attention-ce" else 0.0
    assert values[-1] - floor < 0.3 * (values[0] - floor)


@pytest.mark.parametrize("kind", [each for each in features.LOSSES if each not in features.AS_THEY_COME])
def test_what_needs_no_equal_widths_or_positions_says_so_truly(kind):
    narrow = draw(4, 6, 2)
    if kind in features.SAME_WIDTH:
        with pytest.raises((RuntimeError, UserWarning)):
            features.LOSSES[kind](narrow[:, :, :1].expand(-1, -1, 4), WIDE)
    else:
        assert features.LOSSES[kind](narrow, WIDE).isfinite()
    if kind not in features.SAME_POSITIONS and kind != "pkd":
        assert features.LOSSES[kind](STUDENT[:, :4], TEACHER).isfinite()


class Small(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.deep = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.head = nn.Linear(2 * width, 3)

    def forward(self, x):
        return self.head(torch.relu(self.deep(torch.relu(self.stem(x)))).mean((2, 3)))


@pytest.fixture
def nets():
    torch.manual_seed(0)
    return Small(3), Small(4).eval(), {"x": torch.randn(5, 1, 6, 6)}


@pytest.mark.parametrize("kind", [name for name in (*features.LOSSES, "fsp") if name not in features.AS_THEY_COME])
def test_a_match_is_learnt_with_its_projection(nets, kind):
    student, teacher, inputs = nets
    teacher.requires_grad_(False)
    match = match_of(kind, (), student, teacher, inputs, "auto")
    assert [pair[0] for pair in match.pairs] == (["stem", "deep"] if kind == "fsp" else ["deep"])
    lesson = Lesson(student, match.projections)
    match.listen(student, teacher)
    optimiser = torch.optim.Adam(lesson.parameters(), 0.01)
    values = []
    for _ in range(150):
        optimiser.zero_grad()
        lesson(**inputs)
        teacher(**inputs)
        match.loss().backward()
        optimiser.step()
        values.append(float(match.loss().detach()))
    match.close()
    assert values[-1] < 0.6 * values[0]
    assert not student.deep._forward_hooks
    assert any(each.numel() for each in lesson.projections.parameters()) == (kind in features.SAME_WIDTH)


@pytest.mark.parametrize(("how", "kind"), [("relu", nn.ReLU), ("tanh", nn.Tanh), ("linear", nn.Identity)])
def test_a_projection_is_linear_and_then_what_was_asked_for(nets, how, kind):
    match = match_of("hint", ("stem", "deep = deep"), *nets, how)
    assert match.pairs == [("stem", "stem"), ("deep", "deep")]
    assert [[type(part) for part in each] for each in match.projections] == [[nn.Linear, kind]] * 2


@pytest.mark.parametrize(
    ("kind", "layers", "how", "error", "says"),
    [
        ("hint", ("dep",), "auto", bench.BenchError, "the student has no layer 'dep' .*Did you mean 'deep'"),
        ("hint", ("deep=steam",), "auto", bench.BenchError, "the teacher has no layer 'steam' .*Did you mean 'stem'"),
        ("hint", ("deep",), "none", bench.Unsupported, "student's 'deep' has 6, the teacher's 'deep' 8"),
        ("attention-mse", (), "auto", bench.BenchError, "compares attention matrices"),
        ("nst", ("head=deep",), "auto", bench.Unsupported, "has 1, the teacher's 'deep' 36"),
    ],
)
def test_layers_that_do_not_fit_are_named(nets, kind, layers, how, error, says):
    with pytest.raises(error, match=says):
        match_of(kind, layers, *nets, how)


def test_looking_at_shapes_leaves_modes_and_hooks_as_they_were(nets):
    student, teacher, inputs = nets
    student.train()
    student.deep.eval()
    match_of("rkd", (), student, teacher, inputs, "auto")
    assert (student.training, student.deep.training, student.stem.training) == (True, False, True)
    assert not any(each._forward_hooks for each in student.modules())


class Tokens(nn.Module):
    """A state for each token, padding or not, and the mean of those that count."""

    def __init__(self, width):
        super().__init__()
        self.words, self.deep = nn.Embedding(9, width), nn.Linear(width, width)

    def forward(self, ids, mask):
        states = self.deep(self.words(ids)) * 1.0
        return (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


@pytest.mark.parametrize("kind", [name for name in (*features.LOSSES, "fsp") if name not in features.AS_THEY_COME])
def test_padding_does_not_count(kind):
    torch.manual_seed(0)
    student, teacher = Tokens(3), Tokens(4)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]])
    ids = torch.randint(9, (4, 5))
    match = match_of(kind, ("words", "deep"), student, teacher, {"ids": ids, "mask": mask}, "auto")
    match.listen(student, teacher)
    values = []
    for padding in (0, 8):
        inputs = {"ids": torch.where(mask.bool(), ids, padding), "mask": mask}
        student(**inputs)
        teacher(**inputs)
        values.append((match.loss(inputs).item(), match.loss().item()))
    match.close()
    assert values[0][0] == pytest.approx(values[1][0], rel=1e-5)
    assert kind == "pkd" or values[0][1] != pytest.approx(values[1][1], rel=1e-3)  # without the mask it did


def test_the_mean_of_the_tokens_that_count_is_what_rkd_compares():
    mask, states = torch.tensor([[1, 1, 0]]), torch.tensor([[[2.0], [4.0], [9.0]]])
    assert features.seen("rkd", states, mask).mean(1).item() == pytest.approx(3.0)
    assert features.seen("hint", states, mask).flatten().tolist() == [2.0, 4.0]
    assert features.seen("hint", states, mask[:, :2]) is states
