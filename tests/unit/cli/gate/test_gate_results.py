"""A kept run as the candidate: what its records can honestly carry, and no more."""

import json
import shutil
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.record import BadRecord


def test_two_runs_of_the_same_are_the_same_and_nothing_is_built(gated: Any) -> None:
    kept, again = gated.run(), gated.run("again")
    gated.write(WRONG="'x'")  # what would be built now is broken, and is not built
    result = gated.gate("--against", str(kept), what=str(again))
    assert (result.exit_code, gated.machine.launches) == (0, []), (result.output, result.exception)
    assert set(gated.outcomes(result).values()) == {"pass"}
    assert result.report["suite"] == "gated"


@pytest.mark.parametrize(
    ("change", "metric", "code"),
    [({"PAD": 5000}, "size", 1), ({"WRONG": 3}, "quality", 1), ({"EXTRA": 1}, "latency", 1), ({"PAD": 2}, "", 0)],
)
def test_what_got_worse_between_two_runs_fails(gated: Any, change: dict[str, int], metric: str, code: int) -> None:
    kept = gated.run()
    gated.write(**change)
    result = gated.gate("--against", str(kept), what=str(gated.run("later")))
    assert result.exit_code == code, (result.output, result.exception)
    assert not metric or gated.outcomes(result)[metric] == "fail"
    assert gated.machine.launches or "WRONG" in change  # measured again, side by side


def test_against_the_baseline_file(gated: Any) -> None:
    gated.gate("--update")
    gated.write(WRONG=3)
    result = gated.gate("--against", "bench-baseline.json", what=str(gated.run("later")))
    assert (result.exit_code, gated.outcomes(result)["quality"]) == (1, "fail"), result.output


@pytest.mark.parametrize("elsewhere", [True, False])
def test_what_cannot_be_measured_again_is_not_comparable(gated: Any, elsewhere: bool) -> None:
    kept = gated.run()
    gated.write(PAD=2)
    later = gated.run("later", elsewhere=elsewhere)
    if not elsewhere:
        shutil.rmtree(gated.base / "cache" / "objects")
    result = gated.gate("--against", str(kept), what=str(later))
    assert (result.exit_code, gated.outcomes(result)["latency"]) == (4, "not-comparable"), result.output
    why = gated.metric(result, "latency")["why"]
    assert ("another kind of machine" if elsewhere else "not in this cache") in why
    assert gated.machine.launches == []
    assert gated.gate("--against", str(kept), "--exact", what=str(later)).exit_code == 0


def test_its_budgets_are_those_of_its_suite_judged_by_its_records(gated: Any) -> None:
    budgets = "limits: {size: 10 B}\ngate: {latency_p50: 1 ns, alpha: 2 %, size_compressed: ['1 B', '+3 %']}\n"
    gated.write((gated.base / "gated.yaml").read_text() + budgets)
    kept = gated.run()
    result = gated.gate("--against", str(kept), what=str(kept))
    (cell,) = (each for each in result.report["cells"] if "· work ·" in each["name"])
    budgeted = {each["metric"]: each["outcome"] for each in cell["metrics"] if each["kind"] == "budget"}
    assert budgeted["size"] == budgeted["size_compressed"] == "fail"
    assert budgeted["latency_p50"] in ("fail", "inconclusive")
    assert (result.report["alpha"], gated.machine.launches, result.exit_code) == (0.02, [], 1)
    record = next(json.loads(line) for line in (kept / "records.jsonl").read_text().splitlines() if '"work"' in line)
    assert gated.metric(result, "latency_p50")["candidate"] == record["readings"]["latency"]["value"]


def test_joules_of_records_keep_their_class(gated: Any) -> None:
    kept = gated.run()
    (gated.base / "budget.yaml").write_text("energy: 1 kJ\n")
    result = gated.gate("--against", str(kept), "--budget", "budget.yaml", what=str(kept))
    assert (result.exit_code, gated.metric(result, "energy")["outcome"]) == (4, "not-comparable"), result.output


def test_a_damaged_candidate_is_refused(gated: Any) -> None:
    kept, again = gated.run(), gated.run("again")
    lines = (again / "records.jsonl").read_text().splitlines()
    broken = json.loads(lines[1])
    del broken["readings"]["latency"]["class"]
    (again / "records.jsonl").write_text("\n".join([lines[0], json.dumps(broken), ""]))
    assert isinstance(gated.gate("--against", str(kept), what=str(again)).exception, BadRecord)


def told(**suite: Any) -> str:
    return json.dumps({"suite": {"schema": "bench.suite/1", "name": "s", "limits": {}, **suite}})


METER = {"meter": {"name": "auto"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "holds no suite"),
        ("[", "damaged"),
        (told(), "damaged"),
        (told(measure=METER, limits={"speed": 3}), "damaged"),
        (told(measure=METER, gate={"budgets": {"size": "${HOME}"}}), "cannot be read"),
        (told(measure=METER, gate=[1]), "damaged"),
    ],
)
def test_a_run_that_tells_of_no_suite_says_so(gated: Any, text: str, said: str) -> None:
    kept = gated.run()
    (kept / "run.json").write_text(text)
    error = gated.gate("--against", str(kept), what=str(kept)).exception
    assert isinstance(error, BenchError), error
    assert said in str(error)


def test_against_a_revision_a_run_is_not_gated(gated: Any) -> None:
    kept = gated.run()
    error = gated.gate("--against", "main", what=str(kept)).exception
    assert isinstance(error, BenchError)
    assert "gate the suite" in str(error.cure)
    assert gated.gate("--update", what=str(kept)).exit_code == 2


OWN = """
import shutil
import numpy as np
import bench


class Weights:
    def __init__(self, path):
        self.path = path

    def inputs(self):
        return [bench.ModelInput("x", (None, 64), np.dtype(np.float64))]

    def write(self, folder):
        return shutil.copyfile(self.path, folder / "model.npz")

    def answer(self, arrays):
        with np.load(self.path) as archive:
            return {"output": arrays["x"] @ archive["w"]}


@bench.task("own-npz", produces="npz", facts={"opens": ".npz", "metric": "accuracy", "unit": "1"})
def own_npz(model: str, data: str | None = None, metric: str | None = None):
    return bench.ModelTask(Weights(model), data, metric)


@bench.metric("half-wrong", higher_is_better=False)
def half_wrong(outputs, labels):
    return (bench.label_ranks(outputs, labels) > 1) / 2
"""


@pytest.fixture
def own(gated: Any) -> Any:
    """The same suite, whose task is a model of its author's own in `m.npz`, graded by a metric of a plugin."""
    dice = np.random.default_rng(0)
    w, x = dice.standard_normal((64, 4)), dice.standard_normal((400, 64))
    np.savez(gated.base / "m.npz", w=w)
    np.savez(gated.base / "d.npz", x=x, labels=(x @ w).argmax(axis=1))
    (gated.base / "own_1.py").write_text(OWN)
    gated.own = (
        (gated.base / "gated.yaml").read_text().replace("house", "{model: m.npz, data: d.npz, metric: half-wrong}")
    )
    gated.write(gated.own)
    return gated


def test_a_model_of_the_authors_own_is_known(own: Any) -> None:
    kept = own.run()
    own.write(own.own, WRONG=3, EXTRA=1)
    result = own.gate("--against", str(kept), what=str(own.run("later")))
    assert result.exit_code == 1, (result.output, result.exception)
    found = own.outcomes(result)
    assert (found["quality"], found["latency"]) == ("fail", "fail")
    assert own.machine.launches  # its data were prepared again


@pytest.mark.parametrize("lost", ["file", "models"])
def test_a_model_that_is_no_longer_there_is_judged_by_what_was_kept(own: Any, lost: str) -> None:
    kept = own.run()
    own.write(own.own, WRONG=3)
    later = own.run("later")
    if lost == "file":
        (own.base / "m.npz").unlink()
    else:  # a run of before models were kept
        facts = json.loads((later / "run.json").read_text())
        del facts["models"]
        (later / "run.json").write_text(json.dumps(facts))
    result = own.gate("--against", str(kept), what=str(later))
    assert own.outcomes(result)["quality"] == "fail", (result.output, result.exception)
    assert "data cannot be prepared here" in own.metric(result, "latency")["why"]
    assert own.machine.launches == []
