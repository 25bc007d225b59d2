"""The handler: one answer to every request, whatever a plugin raises."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import PluginError, Unsupported, WorkerError
from bench.wire import Message
from bench.worker.handler import Handler
from bench.worker.loading import describe_file, load_file, load_target
from bench.worker.local import LocalWorker
from bench.worker.plain import jsonable


def describe(tmp_path: Path, code: str) -> Any:
    path = tmp_path / "plugin.py"
    path.write_text(code)
    return Handler().answer(Message({"verb": "describe", "file": str(path)})).data


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        ("raise ValueError('bad')", "failed", "ValueError: bad"),
        ("raise ValueError", "failed", "ValueError"),
        ("raise SystemExit(3)", "failed", "SystemExit: 3"),
        ("raise GeneratorExit", "failed", "GeneratorExit"),
        ("raise BaseException('x')", "failed", "BaseException: x"),
        ("raise MemoryError", "oom", "ran out of the memory"),
        ("raise RuntimeError('std::bad_alloc')", "oom", "bad_alloc"),
        ('raise RuntimeError("[enforce fail] can\'t allocate memory: you tried")', "oom", "ran out"),
        ("import bench\nraise bench.Unsupported('not here', cure='go there')", "unsupported", "not here\n  go there"),
        ("import no_such_package_at_all", "failed", "No module named 'no_such_package_at_all'"),
        ("def broken(:", "failed", "SyntaxError"),
        ("class Odd(Exception):\n  def __str__(self): raise RuntimeError('no')\nraise Odd", "failed", "Odd"),
        ("def f(): f()\nf()", "failed", "RecursionError"),
    ],
)
def test_whatever_is_raised_is_the_answer(tmp_path: Path, code: str, status: str, says: str) -> None:
    error = describe(tmp_path, code)["error"]
    assert error["status"] == status
    assert says in error["message"]
    assert len(error["traceback"]) <= 8000


def test_a_user_who_presses_control_c_is_obeyed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        describe(tmp_path, "raise KeyboardInterrupt")


@pytest.mark.parametrize(
    "request_", [{"verb": "dance"}, {}, {"verb": None}, {"verb": "block"}, {"verb": "hello", "more": 1}]
)
def test_a_request_that_makes_no_sense(request_: dict[str, Any]) -> None:
    assert Handler().answer(Message(request_)).data["error"]["status"] == "failed"


@pytest.mark.parametrize(
    ("verb", "arguments", "says"),
    [
        ("block", {"n": 7, "core": None, "seed": 0}, "no session is open"),
        ("score", {"outputs": "nowhere.npz"}, "nowhere"),
        ("data", {"folder": "x", "batches": [1]}, "no task was prepared"),
        ("import", {"target": "no_such_module:x", "options": {}, "needs": []}, "no_such_module"),
        ("import", {"target": "json:no_such_attribute", "options": {}, "needs": []}, "has no 'no_such_attribute'"),
        ("import", {"target": "json:dumps", "options": {}, "needs": ["no_such_need"]}, "no_such_need"),
    ],
)
def test_verbs_out_of_order_say_what_is_missing(verb: str, arguments: dict[str, Any], says: str) -> None:
    worker = LocalWorker()
    with pytest.raises(WorkerError, match=says):
        worker.request(verb, arguments, timeout_s=1.0)
    worker.close()
    worker.close()


def test_unsupported_reaches_the_caller_as_such(tmp_path: Path) -> None:
    path = tmp_path / "p.py"
    path.write_text("import bench\nraise bench.Unsupported('not on this chip')")
    with pytest.raises(Unsupported, match="not on this chip"):
        LocalWorker().request("describe", {"file": str(path)}, timeout_s=1.0)


def test_prints_in_this_process_stay_off_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "loud.py"
    path.write_text("print('hello from a plugin')")
    LocalWorker().request("describe", {"file": str(path)}, timeout_s=1.0)
    printed = capsys.readouterr()
    assert (printed.out, "hello from a plugin" in printed.err) == ("", True)


def test_a_file_is_loaded_once_and_two_of_one_name_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plugin.py").write_text(f"VALUE = {name!r}")
    first, second = (tmp_path / name / "plugin.py" for name in ("a", "b"))
    assert load_file(str(first)) is load_file(str(first))
    assert (load_target(f"{first}:VALUE"), load_target(f"{second}:VALUE")) == ("a", "b")
    assert load_target(f"{first}:VALUE.upper")() == "A"


def test_a_file_that_failed_to_load_fails_again(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    path.write_text("raise ValueError('bad')")
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            load_file(str(path))
    with pytest.raises(PluginError, match="is no Python file"):
        load_file(str(tmp_path / "plugin.txt"))


def test_only_its_own_offers_count(tmp_path: Path) -> None:
    (tmp_path / "lib.py").write_text(
        "import bench\n@bench.compressor('theirs')\ndef theirs(model, ctx): return model\n"
    )
    code = f"import bench, sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom lib import theirs\nsys.path.pop(0)\n"
    path = tmp_path / "plugin.py"
    path.write_text(
        code + "@bench.compressor('mine')\ndef mine(model, ctx, amount: float = 0.5):\n  '''Help.'''\n  return model\n"
    )
    (offer,) = describe_file(str(path))
    assert (offer.name, offer.target, offer.summary) == ("mine", f"{path}:mine", "Help.")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array(7), 7),
        (np.array([7]), 7),
        (np.arange(3), "[0 1 2]"),
        (np.dtype("int8"), "int8"),
        (float("nan"), None),
        (np.float64("inf"), None),
        ({1: (2, {3})}, {"1": [2, "{3}"]}),
        (Path("x"), "x"),
        (None, None),
        (True, True),
    ],
)
def test_facts_become_plain(value: object, plain: object) -> None:
    found = jsonable(value)
    assert found == plain
    assert type(found) is type(plain)


def test_a_traceback_begins_with_the_plugins_own_line(tmp_path: Path) -> None:
    trace = describe(tmp_path, "def f():\n    raise ValueError('mine')\nf()")["error"]["traceback"]
    assert trace.splitlines()[1].startswith(f'  File "{tmp_path / "plugin.py"}", line 3')
    assert "handler.py" not in trace
