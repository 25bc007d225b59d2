"""Distillation end to end on a tiny task: the student learns, the teacher does not change."""

import bench_distill
import pytest
import torch
from bench_distill.losses import SOFT_LOSSES
from torch import nn

import bench


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.hidden, self.drop, self.head = nn.Linear(4, width), nn.Dropout(0.5), nn.Linear(width, 3)

    def forward(self, point):
        return self.head(self.drop(torch.relu(self.hidden(point))))


class Context:
    """A context without a harness: seeded data, a tiny training loop, students by name."""

    seed, device = 3, "cpu"

    def __init__(self):
        self.facts, self.losses, self.seeds = {}, [], []
        generator = torch.Generator().manual_seed(0)
        self.points = torch.randn(96, 4, generator=generator)
        self.labels = self.points[:, :3].argmax(1)

    def student(self, name):
        if name not in ("half", "same"):
            raise ValueError(f"no student '{name}'; known: half, same")
        return Net(8 if name == "half" else 32)

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        pass

    def calibration(self, n):
        return {"point": self.points[:n].numpy()}

    def fit(self, model, *, epochs, seed, learning_rate=None, loss=None, after_step=None, examples=None):
        torch.manual_seed(seed)
        self.seeds.append(seed)
        points, labels = self.points[:examples], self.labels[:examples]
        self.seen = len(points)
        loss = loss or (lambda net, inputs, targets: nn.functional.cross_entropy(net(**inputs), targets))
        model.train()
        optimiser = torch.optim.Adam(model.parameters(), learning_rate or 0.02)
        for _ in range(round(epochs * 10)):
            optimiser.zero_grad()
            value = loss(model, {"point": points}, labels)
            value.backward()
            optimiser.step()
            self.losses.append(float(value.detach()))
            if after_step is not None:
                after_step(len(self.losses), round(epochs * 10))
        return {"steps": len(self.losses), "learning_rate": learning_rate}


@pytest.fixture(scope="module")
def teacher():
    torch.manual_seed(0)
    net, ctx = Net(32).eval(), Context()
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(150):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(ctx.points), ctx.labels).backward()
        optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return net


@pytest.mark.parametrize("loss", SOFT_LOSSES)
def test_the_student_comes_closer_to_its_teacher(teacher, loss):
    ctx = Context()
    student = bench_distill.distill(teacher, ctx, epochs=6, loss=loss, alpha=1.0, temperature=2.0)
    assert ctx.losses[-1] < ctx.losses[0]
    torch.manual_seed(ctx.seed)
    untrained = ctx.student("half").eval()
    with torch.no_grad():
        before, after = (
            float(SOFT_LOSSES[loss](net(ctx.points), teacher(ctx.points), 2.0)) for net in (untrained, student)
        )
    assert after < (before + 1.4 if loss == "ce" else before / 2)
    assert not student.training
    assert ctx.facts["parameters"] == 8 * 5 + 3 * 9
    assert ctx.facts["teacher_parameters"] == 32 * 5 + 3 * 33
    assert ctx.facts["fit"]["steps"] == 60


def test_the_teacher_and_the_random_state_stay_as_they_were(teacher):
    teacher.drop.train()
    try:
        before = {name: each.clone() for name, each in teacher.state_dict().items()}
        random = torch.get_rng_state()
        bench_distill.distill(teacher, Context(), epochs=1)
        assert torch.equal(random, torch.get_rng_state())
        assert all(torch.equal(before[name], each) for name, each in teacher.state_dict().items())
        assert all(each.requires_grad and each.grad is None for each in teacher.parameters())
        assert teacher.drop.training
        assert not teacher.training
    finally:
        teacher.eval()


def test_the_same_seed_gives_the_same_student(teacher):
    first, second = (bench_distill.distill(teacher, Context(), epochs=1).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = Context()
    other.seed = 4
    third = bench_distill.distill(teacher, other, epochs=1).state_dict()
    assert not torch.equal(first["head.weight"], third["head.weight"])


def test_an_unknown_student_names_the_known_ones(teacher):
    with pytest.raises(bench.BenchError, match="known: half, same"):
        bench_distill.distill(teacher, Context(), student="hlaf")


def test_the_learning_rate_is_handed_on(teacher):
    ctx = Context()
    bench_distill.distill(teacher, ctx, epochs=1, learning_rate=0.125)
    assert ctx.facts["fit"]["learning_rate"] == 0.125


def test_a_matched_layer_is_learnt_and_the_projection_is_not_handed_on(teacher):
    ctx = Context()
    student = bench_distill.distill(teacher, ctx, epochs=6, match="hint", layers=["hidden"], match_weight=2.0)
    assert ctx.facts["layers"] == ["hidden=hidden"]
    assert {name for name, _ in student.named_parameters()} == {name for name, _ in Net(8).named_parameters()}
    assert not student.hidden._forward_hooks
    assert not teacher.hidden._forward_hooks
    assert ctx.losses[-1] < ctx.losses[0] / 2


def test_further_teachers_are_trained_from_other_seeds_and_none_is_the_first(teacher):
    ctx = Context()
    bench_distill.distill(teacher, ctx, epochs=1, teachers=3, teacher_epochs=2)
    assert ctx.seeds == [4, 5, 3]
    assert ctx.facts["teachers"] == 3


def test_a_student_may_be_born_again_and_learn_from_few_examples(teacher):
    ctx = Context()
    student = bench_distill.distill(teacher, ctx, student="same", epochs=1, examples=7, alpha=0.0)
    assert ctx.facts["parameters"] == ctx.facts["teacher_parameters"]
    assert ctx.seen == 7
    assert not student.training


@pytest.mark.parametrize(
    "options",
    [
        {"temperature_schedule": "flsw"},
        {"temperature_schedule": "cwsm", "loss": "ce"},
        {"alpha_schedule": "linear-decay", "alpha": 1.0},
        {"alpha_schedule": "linear-growth"},
        {"label_smoothing": 0.1},
    ],
)
def test_every_schedule_leads_to_a_student_that_knows_the_classes(teacher, options):
    ctx = Context()
    student = bench_distill.distill(teacher, ctx, epochs=8, learning_rate=0.05, **options)
    with torch.no_grad():
        assert (student(ctx.points).argmax(1) == ctx.labels).float().mean() > 0.8


def test_the_offer():
    (offer,) = bench.offers_of(vars(bench_distill))
    assert (offer.accepts, offer.produces) == (("module",), ("module",))
    defaults = {option.name: option.default for option in offer.options}
    assert {
        name: defaults[name] for name in ("student", "epochs", "temperature", "alpha", "loss", "learning_rate")
    } == {
        "student": "half",
        "epochs": 8.0,
        "temperature": 4.0,
        "alpha": 0.7,
        "loss": "kl",
        "learning_rate": None,
    }
    assert all(option.help for option in offer.options)
    assert offer.option("temperature").bounds.breach(0) == "greater than 0"
