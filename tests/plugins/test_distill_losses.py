"""Distillation losses against hand computations in numpy."""

import numpy as np
import pytest
import torch
from bench_distill.blend import distillation_loss as blended
from bench_distill.losses import SOFT_LOSSES, hard_loss
from bench_distill.options import Options
from bench_distill.schedules import Course

import bench

STUDENT = np.array([[2.0, 0.0, -1.0], [0.5, 0.25, 3.0]])
TEACHER = np.array([[1.0, 1.0, -2.0], [0.0, 4.0, 1.0]])
LABELS = np.array([0, 2])


def distillation_loss(teacher, *, loss, temperature, alpha, **more):
    return blended([teacher], Options("half", 1.0, temperature, alpha, loss, None, **more))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def by_hand(name, temperature):
    p, q = softmax(TEACHER / temperature), softmax(STUDENT / temperature)
    return {
        "kl": temperature**2 * (p * np.log(p / q)).sum(-1).mean(),
        "ce": -(temperature**2) * (p * np.log(q)).sum(-1).mean(),
        "mse": ((STUDENT - TEACHER) ** 2).mean(),
        "cosine": 1 - (unit(STUDENT) * unit(TEACHER)).sum(-1).mean(),
    }[name]


@pytest.mark.parametrize("name", SOFT_LOSSES)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_the_soft_losses_are_their_formulae(name, temperature):
    value = SOFT_LOSSES[name](torch.from_numpy(STUDENT), torch.from_numpy(TEACHER), temperature)
    assert float(value) == pytest.approx(by_hand(name, temperature))


@pytest.mark.parametrize("name", SOFT_LOSSES)
def test_a_student_equal_to_its_teacher_has_nothing_to_learn(name):
    student = torch.from_numpy(TEACHER).requires_grad_()
    SOFT_LOSSES[name](student, torch.from_numpy(TEACHER), 3.0).backward()
    assert torch.allclose(student.grad, torch.zeros_like(student), atol=1e-12)


def test_kl_and_ce_have_the_same_gradient():
    gradients = []
    for name in ("kl", "ce"):
        student = torch.from_numpy(STUDENT).requires_grad_()
        SOFT_LOSSES[name](student, torch.from_numpy(TEACHER), 2.0).backward()
        gradients.append(student.grad)
    assert torch.allclose(*gradients)


def test_at_high_temperature_kl_becomes_the_logits_mse():
    """Hinton et al. 2015, equation 4: for zero-meaned logits the gradient tends to (z - v) / classes."""
    student = torch.from_numpy(STUDENT - STUDENT.mean(-1, keepdims=True)).requires_grad_()
    teacher = torch.from_numpy(TEACHER - TEACHER.mean(-1, keepdims=True))
    SOFT_LOSSES["kl"](student, teacher, 1e3).backward()
    expected = (student.detach() - teacher) / 3 / len(STUDENT)
    assert torch.allclose(student.grad, expected, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_blend_is_weighted_as_written(alpha):
    loss = distillation_loss(lambda x: torch.from_numpy(TEACHER), loss="kl", temperature=4.0, alpha=alpha)
    value = loss(lambda x: torch.from_numpy(STUDENT), {"x": torch.zeros(2)}, torch.from_numpy(LABELS))
    hard = -np.log(softmax(STUDENT)[np.arange(2), LABELS]).mean()
    assert float(value) == pytest.approx(alpha * by_hand("kl", 4.0) + (1 - alpha) * hard)


def test_without_weight_the_teacher_never_runs():
    def teacher(x):
        raise AssertionError("asked")

    loss = distillation_loss(teacher, loss="kl", temperature=4.0, alpha=0.0)
    assert loss(lambda x: torch.from_numpy(STUDENT), {"x": 0}, torch.from_numpy(LABELS)) > 0


def test_without_weight_labels_of_any_kind_will_do():
    loss = distillation_loss(lambda x: torch.from_numpy(TEACHER), loss="mse", temperature=4.0, alpha=1.0)
    value = loss(lambda x: torch.from_numpy(STUDENT), {"x": 0}, torch.zeros(2, 3))
    assert float(value) == pytest.approx(by_hand("mse", 1.0))


def test_every_position_of_a_sequence_counts_as_an_example():
    student, teacher = (torch.from_numpy(each)[None].repeat(3, 1, 1) for each in (STUDENT, TEACHER))
    assert float(SOFT_LOSSES["kl"](student, teacher, 2.0)) == pytest.approx(by_hand("kl", 2.0))
    assert float(SOFT_LOSSES["ce"](student, teacher, 2.0)) == pytest.approx(by_hand("ce", 2.0))
    labels = torch.from_numpy(LABELS)[None].repeat(3, 1)
    assert torch.isclose(hard_loss(student, labels), hard_loss(student[0], labels[0]))


@pytest.mark.parametrize("targets", [torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.long), torch.zeros(2)])
def test_labels_that_are_no_class_indices_are_unsupported(targets):
    with pytest.raises(bench.Unsupported, match="class labels") as caught:
        hard_loss(torch.from_numpy(STUDENT), targets)
    assert "alpha: 1" in str(caught.value)


def test_a_student_with_other_outputs_is_unsupported():
    loss = distillation_loss(lambda x: torch.zeros(2, 4), loss="kl", temperature=1.0, alpha=1.0)
    with pytest.raises(bench.Unsupported, match=r"\[2, 3\].*\[2, 4\]"):
        loss(lambda x: torch.from_numpy(STUDENT), {"x": 0}, torch.from_numpy(LABELS))


def test_each_example_may_have_a_temperature_of_its_own():
    warm = torch.tensor([1.0, 4.0], dtype=torch.float64)
    for name in ("kl", "ce"):
        rows = [
            SOFT_LOSSES[name](torch.from_numpy(STUDENT[[i]]), torch.from_numpy(TEACHER[[i]]), float(warm[i]))
            for i in (0, 1)
        ]
        together = SOFT_LOSSES[name](torch.from_numpy(STUDENT), torch.from_numpy(TEACHER), warm)
        assert float(together) == pytest.approx(float(sum(rows)) / 2)


def test_smoothing_mixes_a_label_with_the_uniform_distribution():
    wanted = 0.8 * np.eye(3)[LABELS] + 0.2 / 3
    by_formula = -(wanted * np.log(softmax(STUDENT))).sum(-1).mean()
    assert float(hard_loss(torch.from_numpy(STUDENT), torch.from_numpy(LABELS), 0.2)) == pytest.approx(by_formula)


def test_several_teachers_speak_as_the_geometric_mean_of_their_distributions():
    other = np.array([[3.0, -1.0, 0.5], [0.0, 0.0, 2.0]])
    options = Options("half", 1.0, 1.0, 1.0, "kl", None)
    answers = [lambda x, said=each: torch.from_numpy(said) for each in (TEACHER, other)]
    value = blended(answers, options)(lambda x: torch.from_numpy(STUDENT), {"x": 0}, torch.from_numpy(LABELS))
    mean = np.sqrt(softmax(TEACHER) * softmax(other))
    mean /= mean.sum(-1, keepdims=True)
    q = softmax(STUDENT)
    assert float(value) == pytest.approx((mean * np.log(mean / q)).sum(-1).mean())


@pytest.mark.parametrize(
    ("schedule", "weights"),
    [("constant", (0.6, 0.6, 0.6)), ("linear-decay", (0.6, 0.3, 0.0)), ("linear-growth", (0.0, 0.3, 0.6))],
)
def test_the_teachers_weight_follows_its_schedule(schedule, weights):
    options = Options("half", 1.0, 4.0, 0.6, "kl", None, alpha_schedule=schedule)
    course = Course(0.6, schedule)
    loss = blended([lambda x: torch.from_numpy(TEACHER)], options, course)
    hard = -np.log(softmax(STUDENT)[np.arange(2), LABELS]).mean()
    for step, weight in zip((0, 5, 10), weights, strict=True):
        course.step(step, 10)
        value = loss(lambda x: torch.from_numpy(STUDENT), {"x": 0}, torch.from_numpy(LABELS))
        assert float(value) == pytest.approx(weight * by_hand("kl", 4.0) + (1 - weight) * hard)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"layers": ("a",)}, "'layers' say what is matched"),
        ({"temperature_schedule": "flsw", "loss": "mse"}, "which loss: mse has none of"),
        ({"label_smoothing": 0.1, "alpha": 1.0}, "alpha: 1 gives them no weight"),
        ({"match": "fsp", "layers": ("a", "b", "c")}, "flow between two layers, and 'layers' name 3"),
        ({"beta": 2.0}, "'beta' moves a schedule"),
        ({"gamma": 1.0, "temperature_schedule": "cwsm"}, "'gamma' is an exponent of flsw"),
        ({"teacher_epochs": 1.0}, "there is one"),
        ({"match_weight": 2.0}, "'match_weight' belongs to a match"),
        ({"projection": "linear"}, "'projection' belongs to a match"),
    ],
)
def test_contradictory_options_are_an_error(options, says):
    given = {"student": "half", "epochs": 1.0, "temperature": 4.0, "alpha": 0.7, "loss": "kl", "learning_rate": None}
    with pytest.raises(bench.BenchError, match=says):
        Options(**{**given, **options}).check()
