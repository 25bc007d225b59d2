"""An offer as a cell asks for it: the format and the program come from its options."""

from pathlib import Path

from bench.offer import Offer, Option
from bench.plan.asked import as_asked, program_digest

FORMAT, PROGRAM = Option("format", "str", "onnx"), Option("program", "str", "")
COMMAND = Offer(
    "backend", "command", "x:Y", ("onnx",), options=(PROGRAM, FORMAT), version="1",
    facts={"code": "program", "accepts_option": "format"},
)  # fmt: skip


def test_the_option_names_the_format() -> None:
    assert as_asked(COMMAND, {"format": "tflite"}).accepts == ("tflite",)
    assert as_asked(COMMAND, {}).accepts == ("onnx",)


def test_an_offer_without_such_options_stays_as_it_is() -> None:
    plain = Offer("backend", "torch", "x:Y", ("torch",))
    assert as_asked(plain, {"format": "tflite"}) is plain


def test_an_edited_program_is_another_backend(tmp_path: Path) -> None:
    runner = tmp_path / "runner.py"
    runner.write_text("one")
    first = as_asked(COMMAND, {"program": f"python3 {runner}"}).digest
    assert first == as_asked(COMMAND, {"program": f"python3 {runner}"}).digest
    runner.write_text("two")
    assert first != as_asked(COMMAND, {"program": f"python3 {runner}"}).digest


def test_a_command_line_that_cannot_be_read_has_a_digest() -> None:
    assert program_digest("'open").startswith("sha256:")
