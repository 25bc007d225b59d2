"""What a distillation is asked for, and the contradictions in it."""

from __future__ import annotations

from dataclasses import dataclass

import bench

SCHEDULE = "use temperature_schedule: flsw or cwsm"


@dataclass(frozen=True)
class Options:
    """The options of `distill`, as its signature documents them."""

    student: str
    epochs: float
    temperature: float
    alpha: float
    loss: str
    learning_rate: float | None
    label_smoothing: float = 0.0
    temperature_schedule: str = "constant"
    beta: float = 1.0
    gamma: float = 2.0
    alpha_schedule: str = "constant"
    teachers: int = 1
    teacher_epochs: float = 4.0
    match: str = "none"
    layers: tuple[str, ...] = ()
    match_weight: float = 1.0
    projection: str = "auto"
    examples: int | None = None

    def check(self) -> None:
        """Raise BenchError for options that contradict one another."""
        for wrong, problem, cure in (
            (self.layers and self.match == "none", "'layers' say what is matched, and 'match' is none", "name a match"),
            (
                self.temperature_schedule != "constant" and self.loss not in ("kl", "ce"),
                f"'temperature_schedule' sets the temperature, which loss: {self.loss} has none of",
                "use loss: kl or ce",
            ),
            (
                self.label_smoothing > 0 and self.alpha == 1 and self.alpha_schedule == "constant",
                "'label_smoothing' smooths labels, and alpha: 1 gives them no weight",
                "lower alpha",
            ),
            (
                self.match == "fsp" and len(self.layers) not in (0, 2),
                f"match: fsp looks at the flow between two layers, and 'layers' name {len(self.layers)}",
                "name two",
            ),
            *self._idle(),
        ):
            if wrong:
                raise bench.BenchError(f"distill: {problem}", cure=cure)

    def _idle(self) -> tuple[tuple[bool, str, str], ...]:
        """Return what was changed and would change nothing: a sweep over it would compare a student with itself."""
        fixed, single, unmatched = self.temperature_schedule == "constant", self.teachers == 1, self.match == "none"
        return (
            (
                fixed and self._changed("beta"),
                "'beta' moves a schedule, and 'temperature_schedule' is constant",
                SCHEDULE,
            ),
            (
                self.temperature_schedule != "flsw" and self._changed("gamma"),
                f"'gamma' is an exponent of flsw, and 'temperature_schedule' is {self.temperature_schedule}",
                "use temperature_schedule: flsw",
            ),
            (
                single and self._changed("teacher_epochs"),
                "'teacher_epochs' trains further teachers, and there is one",
                "ask for teachers: 2 or more",
            ),
            *(
                (unmatched and self._changed(name), f"'{name}' belongs to a match, and 'match' is none", "name a match")
                for name in ("match_weight", "projection")
            ),
        )

    def _changed(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).__dataclass_fields__[name].default)
