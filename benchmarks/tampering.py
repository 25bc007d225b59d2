"""Ways to tamper with a submission, each with what its rejection must be about; for `submissions.py` and the tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.derive.evidence import outcomes_digest
from bench.record import Record
from bench.store import Launch, RunFolder, document_of
from bench.store.journal import _pack
from bench.validate.again import again, behind
from bench.validate.submission import read

TAMPERS: dict[str, Tamper] = {}
Change = Callable[["Folder"], None]


@dataclass(frozen=True)
class Tamper:
    """One way: what it does to a folder, and what a finding must be about (any of them)."""

    change: Change
    about: tuple[str, ...]


def tamper(*about: str) -> Callable[[Change], Change]:
    """Register a way under its function's name."""

    def register(change: Change) -> Change:
        TAMPERS[change.__name__.replace("_", " ").strip()] = Tamper(change, about)
        return change

    return register


@dataclass
class Folder:
    """A copy of a submission that is to be tampered with. `victim` is a compressed cell that is ok."""

    path: Path
    records: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.records = [document_of(each) for each in RunFolder(self.path).records()]

    @property
    def victim(self) -> dict[str, Any]:
        """The first candidate with numbers."""
        return next(each for each in self.records if each["status"] == "ok" and each["cell"]["recipe"])

    @property
    def failed(self) -> dict[str, Any]:
        """A cell that failed, else the last one."""
        return next((each for each in self.records if each["status"] == "failed"), self.records[-1])

    def cell(self, record: dict[str, Any]) -> str:
        """Return a record's cell id."""
        return Record.from_json(record).cell.id

    def base(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return the record of a record's baseline."""
        owed = Record.from_json(record).cell.comparison
        return next(each for each in self.records if self.cell(each) == owed)

    def save(self) -> None:
        """Write the records, whatever they say."""
        lines = [json.dumps(each) for each in self.records]
        (self.path / "records.jsonl").write_text("".join(f"{each}\n" for each in lines))

    def facts(self) -> dict[str, Any]:
        """Return run.json."""
        found: dict[str, Any] = json.loads((self.path / "run.json").read_text())
        return found

    def write_facts(self, facts: dict[str, Any]) -> None:
        """Write run.json."""
        (self.path / "run.json").write_text(json.dumps(facts))

    def launches(self, record: dict[str, Any]) -> list[Path]:
        """Return the journal files of a record's comparison."""
        return sorted((self.path / "journal" / Record.from_json(record).cell.comparison).glob("*.npz"))

    def relaunch(self, record: dict[str, Any], change: Callable[[Launch], Launch]) -> None:
        """Rewrite every launch of a record's comparison, with digests that fit."""
        comparison = Record.from_json(record).cell.comparison
        for launch in RunFolder(self.path).journal.read(comparison):
            place = self.path / "journal" / comparison / f"{launch.name}.npz"
            place.write_bytes(_pack(change(launch)))

    def scale(self, record: dict[str, Any], factor: float) -> None:
        """Make the calls of a cell take so many times as long."""
        cell = self.cell(record)

        def changed(launch: Launch) -> Launch:
            if cell not in launch.samples:
                return launch
            n, blocks = int(launch.meta["n"]), launch.samples[cell].copy()
            blocks[:, :n] = np.maximum((blocks[:, :n] * factor).astype(np.int64), 1)
            return replace(launch, samples={**launch.samples, cell: blocks})

        self.relaunch(record, changed)

    def seal(self, *, derive: bool = False) -> None:
        """Sign all launches anew; with `derive` write what the records would say of them: a thorough forger."""
        self.save()
        journal = RunFolder(self.path).journal
        for record in self.records:
            if record["status"] != "ok":
                continue
            cell = Record.from_json(record).cell
            known = {each.name: each for each in journal.read(cell.comparison)}
            for name in record["evidence"]["launches"]:
                record["evidence"]["launches"][name] = known[name].seal(cell.id, cell.comparison)
        self.save()
        if derive:
            self._derive()

    def _derive(self) -> None:
        submission, out = read(self.path), []
        for record in submission.records.values():
            base = submission.base_of(record)
            if record.status == "ok" and base is not None:
                outcomes, theirs = (submission.outcomes(each.cell) for each in (record, base))
                record = again(record, base, behind(record, base, submission), outcomes, theirs)  # noqa: PLW2901
            out.append(document_of(record))
        self.records = out
        self.save()


@tamper("samples")
def _faster_samples(folder: Folder) -> None:
    folder.scale(folder.victim, 0.5)


@tamper("readings", "ratios")
def _faster_samples_signed_anew(folder: Folder) -> None:
    folder.scale(folder.victim, 0.5)
    folder.seal()


@tamper("samples")
def _faster_samples_derived_anew(folder: Folder) -> None:
    """Nothing but the processor time beside the calls tells."""
    folder.scale(folder.victim, 0.05)
    folder.seal(derive=True)


@tamper("samples")
def _slower_baseline_derived_anew(folder: Folder) -> None:
    """Nothing but the hour at which blocks began tells."""
    folder.scale(folder.base(folder.victim), 100.0)
    folder.seal(derive=True)


@tamper("samples")
def _bytes_of_a_launch_changed(folder: Folder) -> None:
    path = folder.launches(folder.victim)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


@tamper("samples", "completeness")
def _a_launch_removed(folder: Folder) -> None:
    folder.launches(folder.victim)[0].unlink()


@tamper("completeness")
def _a_launch_removed_and_not_counted(folder: Folder) -> None:
    path = folder.launches(folder.victim)[0]
    comparison = Record.from_json(folder.victim).cell.comparison
    for record in folder.records:
        if record["status"] == "ok" and Record.from_json(record).cell.comparison == comparison:
            record["evidence"]["launches"].pop(path.stem, None)
            record["evidence"]["baseline"] = [
                each for each in record["evidence"].get("baseline", []) if each != path.stem
            ] or list(record["evidence"]["launches"])
    path.unlink()
    folder.save()


@tamper("samples")
def _slow_launches_not_counted(folder: Folder) -> None:
    said = folder.victim["evidence"]["launches"]
    said.pop(next(iter(said)))


@tamper("readings")
def _latency_edited(folder: Folder) -> None:
    latency = folder.victim["readings"]["latency"]
    latency["value"] *= 0.9
    latency["low"] = None if latency["low"] is None else latency["low"] * 0.9
    latency.setdefault("no_interval", "so")


@tamper("readings")
def _tail_latency_edited(folder: Folder) -> None:
    quantiles = folder.victim["readings"]["latency"]["quantiles"]
    quantiles[list(quantiles)[-1]][0] *= 0.7


@tamper("readings")
def _memory_edited(folder: Folder) -> None:
    memory = folder.victim["readings"]["memory"]
    memory.update(value=1024.0, low=512.0, high=2048.0)
    memory["class"], memory["unit"] = "measured", "B"


@tamper("ratios")
def _ratio_edited(folder: Folder) -> None:
    ratio = folder.victim["ratios"]["latency"]
    ratio.update(value=ratio["value"] * 0.8, low=None)


@tamper("ratios")
def _interval_narrowed(folder: Folder) -> None:
    ratio = folder.victim["ratios"]["latency"]
    ratio.update(low=ratio["value"] * 0.999, high=ratio["value"] * 1.001)


@tamper("ratios")
def _ratio_against_another(folder: Folder) -> None:
    folder.victim["ratios"]["latency"]["against"] = "0123456789ab"


@tamper("ratios")
def _ratio_to_the_best_edited(folder: Folder) -> None:
    ratio = folder.victim["ratios"].setdefault("latency_vs_best", dict(folder.victim["ratios"]["latency"]))
    ratio.update(value=0.1, low=0.09, high=0.11)


@tamper("quality")
def _quality_edited(folder: Folder) -> None:
    quality = folder.victim["readings"]["quality"]
    quality.update(value=1.0, low=0.99, high=1.0)


@tamper("quality")
def _drop_edited(folder: Folder) -> None:
    folder.victim["readings"]["quality"]["drop"].update(value=-0.125, low=-0.2, high=-0.1)


@tamper("quality")
def _outcomes_edited(folder: Folder) -> None:
    path = folder.path / "samples" / f"{folder.cell(folder.victim)}.npz"
    outcomes = np.load(path)["outcomes"]
    np.savez_compressed(path, outcomes=1 - outcomes)


@tamper("quality")
def _outcomes_edited_and_signed(folder: Folder) -> None:
    _outcomes_edited(folder)
    path = folder.path / "samples" / f"{folder.cell(folder.victim)}.npz"
    folder.victim["evidence"]["outcomes"] = outcomes_digest(np.load(path)["outcomes"])


@tamper("quality")
def _outcomes_removed(folder: Folder) -> None:
    (folder.path / "samples" / f"{folder.cell(folder.victim)}.npz").unlink()


@tamper("record")
def _estimate_called_measured(folder: Folder) -> None:
    energy = folder.victim["readings"]["energy"]
    energy["class"] = "measured"
    energy.setdefault("value", 1.0)


@tamper("provenance")
def _estimate_called_a_meter(folder: Folder) -> None:
    """Forge with the rules at hand: kind, coefficients and the parts of the uncertainty are a counter's."""
    energy = folder.victim["readings"]["energy"]
    energy.update({"class": "measured", "kind": "counter", "value": 1e-6, "low": 0.9e-6, "high": 1.1e-6, "unit": "J"})
    energy.update({"uncertainty": {"total_j": 1e-8}, "period_s": 0.001, "domains": ["package"], "share": 1.0})
    energy.update({"meter": "powercap", "meter_version": "1", "window_s": 1.0, "n_windows": 2, "n_invalid": 0})
    energy.update({"steal": 0.0, "per": "inference", "n": 2})
    energy.pop("coefficients", None)
    energy.pop("reason", None)
    energy["uncertainty"]["scatter_j"] = 1e-9


@tamper("artifact", "audit", "ratios")
def _size_edited(folder: Folder) -> None:
    folder.victim["readings"]["size"]["value"] //= 2
    for end in ("low", "high"):
        folder.victim["readings"]["size"][end] = folder.victim["readings"]["size"]["value"]


@tamper("artifact")
def _artifact_swapped(folder: Folder) -> None:
    folder.victim["artifact"] = "sha256:" + "0" * 64


@tamper("artifact")
def _artifact_file_swapped(folder: Folder) -> None:
    place = folder.path / "artifacts"
    place.mkdir()
    (place / folder.victim["artifact"].partition(":")[2]).write_bytes(b"another model")


def _step(folder: Folder) -> dict[str, Any]:
    found: dict[str, Any] = folder.victim["lineage"][-1]
    return found


@tamper("data")
def _calibrated_on_evaluation(folder: Folder) -> None:
    _step(folder)["data"] = [{"split": "evaluation", "examples": 64, "digest": "sha256:0", "held_out": 64}]


@tamper("data")
def _calibrated_on_graded_examples(folder: Folder) -> None:
    _step(folder)["data"] = [{"split": "calibration", "examples": 64, "digest": "sha256:0", "held_out": 64}]


@tamper("data")
def _calibrated_on_latency_inputs(folder: Folder) -> None:
    _step(folder)["data"] = [{"split": "example", "examples": 1000, "digest": "sha256:0"}]


@tamper("data")
def _what_a_step_saw_stripped(folder: Folder) -> None:
    _step(folder).pop("data", None)


@tamper("data", "cost")
def _training_not_declared(folder: Folder) -> None:
    _step(folder).update(train_s=12.0, train_cpu_s=12.0)
    _step(folder).pop("train_samples", None)


@tamper("data", "identity")
def _other_data(folder: Folder) -> None:
    folder.victim["evidence"]["data"] = "sha256:" + "1" * 64


@tamper("machine")
def _another_machines_record(folder: Folder) -> None:
    folder.victim["machine"] = {**folder.victim["machine"], "processor": "Another Processor", "cores_usable": 96}


@tamper("machine")
def _another_machine_everywhere(folder: Folder) -> None:
    facts = folder.facts()
    facts["machine"] = {**facts["machine"], "processor": "Another Processor"}
    folder.write_facts(facts)
    for record in folder.records:
        record["machine"] = {**record["machine"], "processor": "Another Processor"}


@tamper("identity")
def _another_runs_record(folder: Folder) -> None:
    folder.victim["run"] = "0123456789ab"


@tamper("identity")
def _another_group(folder: Folder) -> None:
    folder.victim["group"] = "0123456789ab"


@tamper("identity")
def _another_id(folder: Folder) -> None:
    folder.victim["id"] = "0123456789ab"


@tamper("versions")
def _another_version(folder: Folder) -> None:
    folder.victim["versions"]["joulebench"] = "9.9.9"


@tamper("versions")
def _another_runtime(folder: Folder) -> None:
    folder.victim["versions"]["runtime"] = {"runtime": "a faster one", "version": "2"}


@tamper("completeness")
def _failed_cell_dropped(folder: Folder) -> None:
    folder.records.remove(folder.failed)


@tamper("completeness")
def _failed_cell_dropped_and_unlisted(folder: Folder) -> None:
    gone, facts = folder.cell(folder.failed), folder.facts()
    folder.records.remove(folder.failed)
    facts["cells"] = [each for each in facts["cells"] if each != gone]
    facts["suite"]["cells"] = [each for each in facts["suite"]["cells"] if each != gone]
    folder.write_facts(facts)


@tamper("completeness")
def _baseline_dropped(folder: Folder) -> None:
    folder.records.remove(folder.base(folder.victim))


@tamper("completeness")
def _bad_result_called_unsupported(folder: Folder) -> None:
    folder.victim.update(status="unsupported", reason="no such thing here", readings={}, ratios={}, artifact=None)


@tamper("validity")
def _doubts_removed(folder: Folder) -> None:
    for record in folder.records:
        said = record["validity"]
        turned = {"verdict": "valid", "reasons": []} if said["verdict"] != "valid" else {"verdict": "suspect"}
        if record["status"] == "ok":
            record["validity"] = {"reasons": ["none"], **turned}


@tamper("samples")
def _launches_inflated(folder: Folder) -> None:
    folder.victim["launches"] += 40


@tamper("settings")
def _limits_loosened(folder: Folder) -> None:
    folder.victim["evidence"]["settings"]["limits"] = {"latency": 1e9}


@tamper("settings")
def _width_loosened(folder: Folder) -> None:
    folder.victim["evidence"]["settings"]["ci_width"] = 1e9


@tamper("settings")
def _estimator_edited(folder: Folder) -> None:
    folder.victim["evidence"]["settings"]["meter"] = {"meter": "cpu-seconds", "watts_per_cpu": 0.1}


@tamper("audit")
def _audit_edited(folder: Folder) -> None:
    said = folder.victim["audit"]
    said["verdict"] = "effective" if said["verdict"] != "effective" else "no-op"


@tamper("cost")
def _cost_edited(folder: Folder) -> None:
    folder.victim["compression"]["seconds"] = folder.victim["compression"]["seconds"] / 2 + 1e-9


@tamper("cost")
def _break_even_edited(folder: Folder) -> None:
    folder.victim["compression"]["break_even"].update(verdict="saves", inferences=10.0, low=5.0, high=20.0)


@tamper("record")
def _evidence_stripped(folder: Folder) -> None:
    folder.victim["evidence"] = {}
