"""Gating: what a suite's `gate:` block, or a budget file of the same keys, allows a candidate to cost."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from bench.errors import did_you_mean
from bench.suite.limits import DIMENSION_OF, QUALITY, parse_limit
from bench.suite.measure import parse_seconds
from bench.suite.problems import Problems
from bench.suite.source import read
from bench.suite.tree import Keys, parse
from bench.units import parse_quantity

How = Literal["at most", "at least", "growth", "band"]
Level = Literal["error", "warn"]
Where = tuple[str, int, int]
Made = tuple[How, float, str, float | None]
EXACT = ("size", "size_compressed", "parameters", "nonzero", "flops", "bitops")
# What may be compared with a baseline; quantiles of the latency are too noisy for that, and only have budgets.
RELATIVE = ("latency", "memory", "energy", "quality", *EXACT)
METRICS = (*(name for name in DIMENSION_OF if name not in QUALITY), "quality")
SETTINGS = ("alpha", "time", "accept")
ACCEPT_KEYS = ("cell", "metric", "reason", "expires")
ACCEPTABLE = (*METRICS, "outputs", "missing", "all")
_SIGNED = re.compile(r"[+-]\s*[0-9.]")
_COMPARED = re.compile(r"(?P<sign>>=|<=)\s*(?P<rest>.*)", re.DOTALL)
MAX_ALPHA = 0.2


@dataclass(frozen=True)
class Allowance:
    """What one metric may be.

    `at most` and `at least`: `value` in SI; `growth`: the relative change allowed, 0.02 for "+2 %" (of quality: the
    drop allowed, in the metric's unit); `band`: more than `value` fails and less than `passing` passes, both relative.
    """

    metric: str
    how: How
    value: float
    text: str
    passing: float | None = None
    level: Level = "error"
    where: Where = ("", 0, 0)

    @property
    def relative(self) -> bool:
        """Whether it is a change from the baseline that is allowed."""
        return self.how in ("growth", "band")

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, as it may be written in a suite."""
        if self.passing is None:
            return {"limit": self.text, "level": self.level}
        return {"fail": f"{100 * self.value:.10g} %", "pass": f"{100 * self.passing:.10g} %", "level": self.level}


@dataclass(frozen=True)
class Acceptance:
    """A failure that is accepted: of which metric in which cells (words of `--only`), why, and until when."""

    cell: str
    metric: str
    reason: str
    expires: datetime.date
    where: Where = ("", 0, 0)


@dataclass(frozen=True)
class Gating:
    """What a gate allows; `alpha`: the chance of a false alarm of the whole gate, `seconds`: the time of a cell."""

    allowances: tuple[Allowance, ...] = ()
    accepts: tuple[Acceptance, ...] = ()
    alpha: float | None = None
    seconds: float | None = None

    def over(self, other: Gating) -> Gating:
        """Return this laid over another: a metric named here replaces what the other says of it in the same way."""
        mine = {(each.metric, each.relative) for each in self.allowances}
        kept = tuple(each for each in other.allowances if (each.metric, each.relative) not in mine)
        alpha, seconds = self.alpha or other.alpha, self.seconds or other.seconds
        return Gating((*self.allowances, *kept), (*self.accepts, *other.accepts), alpha, seconds)

    def of(self, metric: str, *, relative: bool) -> Allowance | None:
        """Return what is allowed of a metric, in relation to the baseline or absolutely."""
        return next((each for each in self.allowances if each.metric == metric and each.relative == relative), None)

    def placed(self, where: Where) -> Gating:
        """Return it with another place for all that it holds."""
        allowances = tuple(replace(each, where=where) for each in self.allowances)
        return replace(self, allowances=allowances, accepts=tuple(replace(each, where=where) for each in self.accepts))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, as written."""
        budgets: dict[str, Any] = {}
        for each in self.allowances:
            budgets.setdefault(each.metric, []).append(each.to_json())
        accepts = [
            {"cell": e.cell, "metric": e.metric, "reason": e.reason, "expires": str(e.expires)} for e in self.accepts
        ]
        return {"alpha": self.alpha, "time": self.seconds, "budgets": budgets, "accept": accepts}


@dataclass
class _Reader:
    """Reads one block; every mistake goes to `problems` with its place."""

    problems: Problems
    prefix: Keys
    found: dict[str, Any] = field(default_factory=dict)

    def read(self, data: Any) -> Gating:
        if not isinstance(data, Mapping):
            self.problems.at_value(self.prefix, "expected a mapping, like {size: 3 MB, latency: +2 %}")
            return Gating()
        allowances, accepts, settings = [], [], {}
        for key, value in data.items():
            keys = (*self.prefix, key)
            if key == "accept":
                accepts = self._accepts(keys, value)
            elif key in SETTINGS:
                settings[key] = self._try(keys, _alpha if key == "alpha" else parse_seconds, value)
            elif key in METRICS:
                allowances += self._metric(keys, key, value)
            else:
                known = (*METRICS, *SETTINGS)
                self.problems.at_key(keys, f"unknown key '{key}'.{did_you_mean(key, known)}")
        return Gating(tuple(allowances), tuple(accepts), settings.get("alpha"), settings.get("time"))

    def _metric(self, keys: Keys, name: str, value: Any) -> list[Allowance]:
        """Read one metric: a limit as text, a mapping of it, or a list of both kinds (absolute and relative)."""
        if isinstance(value, list):
            return [one for index, each in enumerate(value) for one in self._metric((*keys, index), name, each)]
        more = value if isinstance(value, Mapping) else {"limit": value}
        known = ("limit", "level", "fail", "pass")
        for key in more:
            if key not in known:
                self.problems.at_key((*keys, key), f"unknown key '{key}'.{did_you_mean(str(key), known)}")
                return []
        level = more.get("level", "error")
        if level not in get_args(Level):
            hint = did_you_mean(str(level), get_args(Level))
            self.problems.at_value((*keys, "level"), f"expected level: error or warn.{hint}")
            return []
        at = (*keys, "limit") if isinstance(value, Mapping) and "limit" in value else keys
        made = self._band(keys, name, more) if "fail" in more or "pass" in more else self._limit(at, name, more)
        if not made:
            return []
        how, amount, text, passing = made
        return [Allowance(name, how, amount, text, passing, level, self._where(keys))]

    def _limit(self, keys: Keys, name: str, more: Mapping[str, Any]) -> Made | None:
        made: Made | None = self._try(keys, lambda text: (*parse_allowance(name, text), text, None), more.get("limit"))
        return made

    def _band(self, keys: Keys, name: str, more: Mapping[str, Any]) -> Made | None:
        if name != "latency" or "limit" in more or not {"fail", "pass"} <= set(more):
            self.problems.at_key(keys, "expected a limit, or of latency both {fail: 0.5 %, pass: 2 %}")
            return None
        fail, passing = (self._try((*keys, each), _fraction, more[each]) for each in ("fail", "pass"))
        if fail is None or passing is None:
            return None
        if not fail < passing:
            self.problems.at_value((*keys, "pass"), "the change that passes must be larger than the one that fails")
            return None
        return "band", fail, f"fails beyond {more['fail']}, passes below {more['pass']}", passing

    def _accepts(self, keys: Keys, value: Any) -> list[Acceptance]:
        if not isinstance(value, list):
            self.problems.at_value(keys, f"expected a list of mappings with {', '.join(ACCEPT_KEYS)}")
            return []
        return [one for index, each in enumerate(value) if (one := self._accept((*keys, index), each))]

    def _accept(self, keys: Keys, value: Any) -> Acceptance | None:
        if not isinstance(value, Mapping):
            self.problems.at_value(keys, f"expected a mapping with {', '.join(ACCEPT_KEYS)}")
            return None
        for key in value:
            if key not in ACCEPT_KEYS:
                self.problems.at_key((*keys, key), f"unknown key '{key}'.{did_you_mean(str(key), ACCEPT_KEYS)}")
                return None
        for key in ACCEPT_KEYS:
            if not isinstance(value.get(key), str) or not value[key].strip():
                self.problems.at_key(
                    (*keys, key), f"'{key}' is missing: what is accepted is said in words, until a date"
                )
                return None
        if value["metric"] not in ACCEPTABLE:
            hint = did_you_mean(value["metric"], ACCEPTABLE)
            self.problems.at_value((*keys, "metric"), f"unknown metric '{value['metric']}'.{hint}")
            return None
        expires = self._try((*keys, "expires"), _date, value["expires"])
        if expires is None:
            return None
        return Acceptance(value["cell"], value["metric"], value["reason"].strip(), expires, self._where(keys))

    def _try(self, keys: Keys, reader: Any, value: Any) -> Any:
        if isinstance(value, (Mapping, list, bool)) or value is None:
            self.problems.at_value(keys, "expected one value, written as text")
            return None
        try:
            return reader(str(value))
        except ValueError as error:
            self.problems.at_value(keys, str(error))
            return None

    def _where(self, keys: Keys) -> Where:
        place, _ = self.problems.tree.find(keys)
        return str(place.source.path), place.line, place.column


def read_gating(data: Any, problems: Problems, prefix: Keys = ()) -> Gating:
    """Read a block of budgets; every mistake is added to `problems`."""
    return _Reader(problems, prefix).read(data)


def load_budget(path: Path, env: Mapping[str, str]) -> Gating:
    """Read a budget file. Raises ConfigError with file, line and column, a SuiteError of several mistakes."""
    source = read(path)
    if not source.text.strip():
        raise source.place(0, 0).error("the file is empty", "a budget is a mapping, like 'size: 3 MB'")
    tree = parse(source)
    problems = Problems(tree)
    data = tree.data(env, problems.errors)
    problems.raise_any()
    found = read_gating(data, problems)
    problems.raise_any()
    return found


def parse_allowance(name: str, text: str) -> tuple[How, float]:
    """Read "3 MB", "+2 %", ">= 73 %" or "-1 pp" into what is meant and its value in SI.

    Raises ValueError saying what was expected.
    """
    text = text.strip()
    compared = _COMPARED.fullmatch(text)
    if name == "quality":
        return _quality(text, compared)
    if compared and compared["sign"] == ">=":
        raise ValueError(f"less {name} is better: expected '<=', or the limit alone")
    if not compared and _SIGNED.match(text):
        if name not in RELATIVE:
            raise ValueError(f"'{name}' has no relative budget: expected an absolute one, or one of 'latency'")
        return "growth", _change(text)
    return "at most", parse_limit(name, compared["rest"] if compared else text)


def _quality(text: str, compared: re.Match[str] | None) -> tuple[How, float]:
    if compared:
        how: How = "at least" if compared["sign"] == ">=" else "at most"
        return how, _number(compared["rest"])
    if text.startswith("-"):
        return "growth", _number(text[1:].strip())
    raise ValueError("expected '>= 73 %' (or '<= 20' where less is better), or the drop allowed, '-1 pp'")


def _number(text: str) -> float:
    try:
        return parse_quantity(text, "count")
    except ValueError:
        return parse_quantity(text, "fraction")


def _change(text: str) -> float:
    value = _fraction(text)
    if value <= -1:
        raise ValueError("nothing can shrink by 100 % or more")
    return value


def _fraction(text: str) -> float:
    sign = text.strip()[:1]
    rest = text.strip()[1:].strip() if sign in "+-" else text
    value = parse_quantity(rest, "fraction")
    return -value if sign == "-" else value


def _alpha(text: str) -> float:
    value = _fraction(text)
    if not 0 < value <= MAX_ALPHA:
        raise ValueError(f"alpha is the chance of a false alarm: more than 0 and at most {MAX_ALPHA:.0%}")
    return value


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a date like 2027-01-31") from None


def names(allowances: Sequence[Allowance]) -> set[str]:
    """Return the metrics that are named."""
    return {each.metric for each in allowances}
