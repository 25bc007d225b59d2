"""Model: the structure of a suite for pydantic, which refuses what is unknown, missing or of the wrong kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bench.errors import did_you_mean
from bench.suite.limits import DIMENSION_OF, parse_limit
from bench.suite.measure import parse_energy, parse_memory, parse_repeat, parse_seconds, parse_window
from bench.suite.problems import Problems
from bench.suite.tree import Keys

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"


def _listed(value: Any) -> Any:
    """Take one value for a list of one."""
    return value if isinstance(value, list) or value is None else [value]


def _texts(read: Callable[[str], Any]) -> BeforeValidator:
    def validate(value: Any) -> Any:
        if isinstance(value, (dict, list)) or value is None or isinstance(value, bool):
            raise ValueError("expected one quantity, written as text")
        return read(str(value))

    return BeforeValidator(validate)


def _limits(value: Any) -> Any:
    """Leave a mapping of limits alone; `check` reads each one, so that every error has its own line."""
    if not isinstance(value, dict):
        raise ValueError("expected a mapping of limits, like {latency_p90: 30 ms, size: 20 MB}")
    return value


Axis = Annotated[list[Any], BeforeValidator(_listed), Field(min_length=1)]
Seconds = Annotated[float, _texts(parse_seconds)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MatrixModel(_Strict):
    """The axes of a suite; what their entries mean is read in `matrix.py`."""

    task: Axis
    backend: Axis
    recipe: Axis = Field(default_factory=lambda: ["none"])
    device: Axis = Field(default_factory=lambda: ["cpu"])
    scenario: Axis = Field(default_factory=lambda: ["single-stream"])
    batch: Axis = Field(default_factory=lambda: [1])
    threads: Axis = Field(default_factory=lambda: [1])
    exclude: list[dict[str, Any]] = Field(default_factory=list, max_length=1000)
    include: list[dict[str, Any]] = Field(default_factory=list, max_length=1000)


class MeasureModel(_Strict):
    """The block `measure` of a suite."""

    repeat: Annotated[tuple[float | None, float], _texts(parse_repeat)] = (0.02, 25.0)
    min_launches: Annotated[int, Field(ge=1, le=1000)] = 5
    rounds: Annotated[int, Field(ge=1, le=1000)] = 6
    idle: Seconds = 5.0
    timeout: Seconds = 900.0
    memory: Annotated[int | None, _texts(parse_memory)] = None
    energy: Annotated[Literal["any", "measured", "derived"], _texts(parse_energy)] = "any"
    meter: Any = "auto"  # read in `metering.py`, once the names of meters are known
    window: Annotated[float | None, _texts(parse_window)] = None


class SuiteModel(_Strict):
    """A whole suite."""

    bench: Literal[1]
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    about: Annotated[str, Field(max_length=2000)] = ""
    extends: str | None = None
    matrix: MatrixModel
    measure: MeasureModel = MeasureModel()
    limits: Annotated[dict[str, Any], BeforeValidator(_limits)] = Field(default_factory=dict)
    gate: Any = Field(default_factory=dict)  # read in `gating.py`, as a budget file is


KNOWN: dict[Keys, tuple[str, ...]] = {
    (): tuple(SuiteModel.model_fields),
    ("matrix",): tuple(MatrixModel.model_fields),
    ("measure",): tuple(MeasureModel.model_fields),
}
CURES: dict[Keys, str] = {
    ("bench",): "the format version is 1: write 'bench: 1'",
    ("name",): "a name is a slug of small letters, digits, '-' and '_', like 'mobile'",
    ("about",): "'about' is one text of at most 2,000 characters",
    ("matrix", "task"): "name at least one task",
    ("matrix", "backend"): "name at least one backend",
    ("matrix", "recipe"): "expected a list of recipes, like [none, quantize: {mode: dynamic}]",
    ("matrix", "exclude"): "expected a list of mappings, like [{task: minilm, recipe: prune}]",
    ("matrix", "include"): "expected a list of mappings, like [{task: minilm, recipe: none, backend: torch}]",
    ("measure", "min_launches"): "expected a whole number from 1 to 1000",
    ("measure", "rounds"): "expected a whole number from 1 to 1000",
    ("matrix",): "expected a mapping of axes: task, recipe, backend …",
    ("measure",): "expected a mapping, like {repeat: until ci < 2% or 25s}",
}


def check(data: Any, problems: Problems) -> tuple[SuiteModel | None, dict[str, float]]:
    """Return the model and the limits in SI; every mistake is added to `problems`, and the model is then None."""
    try:
        model = SuiteModel.model_validate(data)
    except ValidationError as error:
        for each in error.errors():
            _explain(each["type"], tuple(each["loc"]), each["msg"], problems)
        return None, {}
    limits: dict[str, float] = {}
    for name, text in model.limits.items():
        _limit(name, text, limits, problems)
    if model.measure.timeout < model.measure.repeat[1]:
        problems.at_key(("measure", "timeout"), "the timeout is shorter than the time to repeat")
    return model, limits


def _limit(name: str, text: Any, limits: dict[str, float], problems: Problems) -> None:
    keys = ("limits", name)
    if isinstance(text, (dict, list, bool)) or text is None:
        problems.at_value(keys, f"expected one limit, like '{name}: 20 MB'; known: {', '.join(DIMENSION_OF)}")
        return
    try:
        limits[name] = parse_limit(name, str(text))
    except ValueError as error:
        add = problems.at_value if name in DIMENSION_OF else problems.at_key
        add(keys, str(error))


def _explain(kind: str, keys: Keys, message: str, problems: Problems) -> None:
    last, parent = keys[-1] if keys else "", keys[:-1]
    if kind == "extra_forbidden":
        problems.at_key(keys, f"unknown key '{last}'.{did_you_mean(str(last), KNOWN.get(parent, ()))}")
    elif kind == "missing":
        where = f"'{'.'.join(str(key) for key in keys)}' is missing"
        problems.at_key(parent, f"{where}: {CURES.get(keys, '')}".rstrip(": "))
    elif kind == "too_short":
        problems.at_value(keys, f"the list '{last}' is empty; leave the key out instead")
    elif kind == "list_type" and keys not in CURES:
        problems.at_value(keys, f"nothing stands here: expected a value of '{last}', or a list of them")
    elif kind == "value_error":
        problems.at_value(keys, message.removeprefix("Value error, "))
    else:
        cure = CURES.get(keys) or CURES.get(tuple(key for key in keys if isinstance(key, str)))
        problems.at_value(keys, cure or _plain(message))


def _plain(message: str) -> str:
    return message.replace("Input should be", "expected").replace("dictionary", "mapping")
