"""Building artifacts: a task's model goes through compressors and converters, one request a step."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from bench.artifact import Artifact
from bench.errors import PluginError
from bench.machine import processor_name
from bench.protocols import Task
from bench.wire.frames import Message
from bench.worker.context import WorkerContext
from bench.worker.elsewhere import Ask, ContextElsewhere, TaskElsewhere, give
from bench.worker.loading import load_target, uncollected
from bench.worker.meters import Meters
from bench.worker.plain import jsonable

MODULE = "module"
EVALUATION_BATCH = 32


class Build:
    """Holds the task and the model on its way: a module in memory or an artifact on disk."""

    def __init__(self, meters: Meters) -> None:
        self.meters = meters
        self.task: Task | None = None
        self.format = ""
        self.model: Any = None
        self.folder = Path()
        self.seed = 0
        self.ask: Ask | None = None

    def prepare(
        self,
        *,
        target: str,
        options: Mapping[str, Any],
        format: str | None,  # noqa: A002 - the wire's field
        folder: str,
        seed: int,
        artifact: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """Load the task and, when a format is named, its reference model, or continue from an artifact."""
        self.folder, self.seed = Path(folder), seed
        with uncollected():
            self.task = load_target(target)(**options)
        assert self.task is not None
        metric = self.task.metric
        about = {"name": metric.name, "unit": metric.unit, "higher_is_better": metric.higher_is_better}
        if artifact is not None:
            self._become(self._own_copy(Artifact.from_json(artifact)))
        elif format == MODULE:
            with uncollected():  # here a task imports its framework
                self.format, self.model = MODULE, self.task.module()  # type: ignore[union-attr]  # offers of modules promise it
        elif format is not None:
            self._become(Artifact.of(self.task.artifact(format, self._fresh_folder("model")), format))
        return {"metric": about, **self._state()}

    def reference(self) -> str:
        """Return the digest of the uncompressed model as prepared: of its weights, or of its file."""
        if isinstance(self.model, Artifact):
            return self.model.digest
        state = hashlib.sha256()
        for name, value in self.model.state_dict().items():
            state.update(name.encode() + bytes(value.detach().cpu().contiguous().numpy().tobytes()))
        return f"sha256:{state.hexdigest()}"

    def data(self, *, folder: str, batches: Sequence[int]) -> Mapping[str, Any]:
        """Write the evaluation inputs and the latency inputs as npz, once; return the data's digest."""
        import numpy as np

        task, target = self._task(), Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        evaluation = dict(task.inputs("evaluation"))
        _save(target / "evaluation.npz", evaluation)
        for batch in batches:
            _save(target / f"example-{batch}.npz", dict(task.example(batch, self.seed)))
        n = len(np.asarray(next(iter(evaluation.values()))))
        batch = int(getattr(task, "evaluation_batch", EVALUATION_BATCH))
        return {"digest": task.digest(), "reference": self.reference(), "examples": n, "batch": batch}

    def give(self, *, what: str, n: int | None, file: str) -> Mapping[str, Any]:
        """Write data of the task that a step in another environment asked for."""
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        task = self._task()
        give(task, WorkerContext(task, seed=self.seed, workdir=Path(file).parent), what=what, n=n, file=file)
        return {"file": file}

    def compress(self, **request: Any) -> Mapping[str, Any]:
        """Apply one compressor step to the model; what was spent on training is told apart."""
        return self._apply(**self._begun(**request))

    def convert(self, *, aside: bool = False, **request: Any) -> Mapping[str, Any]:
        """Apply one converter; `aside` leaves the model as it was, to be converted or compressed further."""
        request = self._begun(**request)
        before = self.format, self.model
        reply = self._apply(**request)
        if aside:
            self.format, self.model = before
        return reply

    def _begun(
        self, *, artifact: Mapping[str, Any] | None = None, seed: int | None = None, **request: Any
    ) -> dict[str, Any]:
        """With an artifact, begin with that in a worker without the task: the step's own environment."""
        if artifact is not None:
            self.task, self.folder = cast("Task", TaskElsewhere(self.ask)), Path(request["workdir"])
            self.seed = self.seed if seed is None else seed
            self._become(self._own_copy(Artifact.from_json(artifact)))
        return request

    def _apply(
        self,
        *,
        target: str,
        options: Mapping[str, Any],
        produces: str,
        workdir: str,
        meter: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """Apply a step inside a window of the meter, where one is given; return its result, times and joules."""
        step, folder = load_target(target), Path(workdir)
        folder.mkdir(parents=True, exist_ok=True)
        kind = ContextElsewhere if isinstance(self.task, TaskElsewhere) else WorkerContext
        context = kind(self._task(), seed=self.seed, workdir=folder)
        spans = self.meters.spans(meter, context.device)
        context.spans = spans.inner()
        took = spans.around(lambda: step(self.model, context, **options), "step")
        if produces == MODULE:
            self.format, self.model = MODULE, _module(took.result)
        else:
            self._become(Artifact.of(_written(took.result, folder), produces))
        joules = {"energy": took.energy, "train_energy": context.train_energy}
        return {
            "seconds": took.seconds,
            "cpu_s": took.cpu_s,
            **{name: getattr(context, name) for name in ("train_s", "train_cpu_s", "train_samples")},
            **{name: jsonable(each.to_json()) for name, each in joules.items() if each is not None},
            "device": context.device,
            "processor": processor_name(),
            "log": context.lines,
            "facts": jsonable(context.facts),
            "data": self._seen_by(context),
            **self._state(),
        }

    def _seen_by(self, context: WorkerContext) -> list[dict[str, Any]]:
        """Return what a step saw of the data; where the task is elsewhere nobody tells what is held out."""
        task = self._task()
        elsewhere = isinstance(task, TaskElsewhere)
        return context.sight.report(None if elsewhere else lambda: task.inputs("evaluation"))

    def count(self, *, counters: Mapping[str, str], artifact: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run counters on an artifact; one that fails gives its reason instead of a number."""
        from bench.reading import Reading

        subject, readings = Artifact.from_json(artifact), {}
        for name, target in counters.items():
            try:
                readings[name] = _counted(name, load_target(target)(subject))
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a counter that fails costs its number, not the cell
                readings[name] = Reading.missing("1", f"{type(error).__name__}: {error}"[:500]).to_json()
        return {"readings": readings}

    def score(self, *, outputs: str) -> Message:
        """Grade stored outputs; the reply carries the per-example outcomes."""
        import numpy as np

        with np.load(outputs, allow_pickle=False) as archive:
            result = self._task().score({name: archive[name] for name in archive.files})
        outcomes = np.asarray(result.outcomes, dtype=np.float64)
        if not np.isfinite(result.value) or not np.isfinite(outcomes).all():
            raise ValueError("the task's score is not finite; the artifact's outputs are not usable numbers")
        return Message({"value": float(result.value)}, {"outcomes": outcomes})

    def _become(self, artifact: Artifact) -> None:
        self.format, self.model = artifact.format, artifact

    def _state(self) -> dict[str, Any]:
        artifact = self.model.to_json() if isinstance(self.model, Artifact) else None
        return {"format": self.format, "artifact": artifact}

    def _own_copy(self, artifact: Artifact) -> Artifact:
        """Copy what comes from the cache: a step that edits its input in place must not damage what others measure."""
        place = self._fresh_folder("input") / artifact.path.name
        (shutil.copytree if artifact.path.is_dir() else shutil.copyfile)(artifact.path, place)
        return replace(artifact, path=place)

    def _fresh_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def held_task(self) -> Task:
        """Return the task in this worker. Raises PluginError where none was prepared."""
        return self._task()

    def _task(self) -> Task:
        if self.task is None:
            raise PluginError("no task was prepared in this worker")
        return self.task


def _counted(name: str, result: Any) -> Mapping[str, Any]:
    """Return a counter's reading as JSON. Raises ValueError for one that the record could not hold."""
    from bench.reading import Reading
    from bench.record_checks import check_readings

    data: Mapping[str, Any] = jsonable(result.to_json())
    check_readings({name: data})
    return Reading.from_json(data).to_json()


def _module(result: Any) -> Any:
    if not callable(result) or not hasattr(result, "state_dict"):
        raise TypeError(f"a compressor that works on modules returns a torch module, not {type(result).__name__}")
    return result


def _written(result: Any, folder: Path) -> Path:
    """Accept only a file that the step wrote inside its own folder."""
    if not isinstance(result, (str, Path)):
        raise TypeError(f"a step that produces a file returns its path, not {type(result).__name__}")
    path = Path(result).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"the step wrote outside its work folder: {path.name} is not under ctx.workdir")
    if not path.exists():
        raise FileNotFoundError(f"the step returned {path.name}, which it did not write")
    return path


def _save(path: Path, arrays: Mapping[str, Any]) -> None:
    import numpy as np

    named = {name: np.asarray(value) for name, value in arrays.items()}
    np.savez(path, **named)  # type: ignore[arg-type]  # numpy types the array names as its own flags
