"""A program as a meter: started with the window, believed only while it keeps its promise, ended with the window."""

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench_power.command import CommandMeter, version_of

METER = """
import signal, subprocess, sys, time
watts, began, turn = 10.0, time.time(), 0
def line(text, end="\\n"):
    print(text, end=end, flush=True)
while True:
    now = time.time()
    {fault}
    line(f"{{now:.6f}} {{watts * (now - began):.9f}}")
    turn += 1
    time.sleep(0.02)
"""


@pytest.fixture
def meter(tmp_path):
    """A meter of a script that prints 10 W every 20 ms and is allowed half a second; `fault` runs before each line."""

    def make(fault="pass", **options):
        script = tmp_path / "meter.py"
        script.write_text(METER.format(fault=fault))
        program = shlex.join([sys.executable, str(script)])
        return CommandMeter(program, **{"period_s": 0.5, **options})

    return make


def window(meter, seconds=0.3):
    token = meter.start()
    time.sleep(seconds)
    return token, meter.stop(token)


def test_a_window_of_constant_power(meter):
    _, reading = window(meter())
    assert reading.value == pytest.approx(10 * reading.facts["window_s"], rel=5e-2), reading.reason
    assert reading.low <= 10 * reading.facts["window_s"] <= reading.high
    assert (reading.class_, reading.meter, reading.facts["kind"]) == ("measured", "command", "counter")
    assert reading.facts["domains"] == ["wall"]
    for name in ("meter_version", "by_domain", "period_s", "n_windows", "n_invalid", "share", "steal", "uncertainty"):
        assert name in reading.facts
    assert sum(reading.facts["uncertainty"].values()) == pytest.approx(2 * reading.facts["uncertainty"]["total_j"])


def test_windows_may_overlap(meter):
    ours = meter()
    outer = ours.start()
    _, inner = window(ours)
    reading = ours.stop(outer)
    assert reading.value > inner.value > 0
    assert outer.program.process.returncode is not None


def test_accuracy_and_limit_enter_the_uncertainty(meter):
    _, plain = window(meter())
    _, stated = window(meter(accuracy=0.02, limit_w=11.0))
    assert stated.facts["uncertainty"]["calibration_j"] == pytest.approx(0.02 * stated.value)
    assert plain.facts["uncertainty"]["calibration_j"] == 0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("turn == 0 and line('calibrating')", "line 1 is 'calibrating'"),
        ("turn == 5 and line('sensor lost')", "'sensor lost': expected <unix seconds> <joules>"),
        ("turn == 5 and line('1 1')", "time went from"),
        ("began = now if turn == 5 else began", "joules fell"),
        ("turn == 5 and time.sleep(60)", "output that is not flushed"),
        ("turn == 5 and sys.exit('usb unplugged')", r"the program ended \(exit status 1\); it said: usb unplugged"),
        ("turn == 0 and sys.exit(3)", r"the program ended \(exit status 3\)"),
        ("now += 3600", "ahead of the clock"),
        ("watts = 0.0", "counted nothing"),
        ("sys.stdout.write('x' * (70 << 20))", "MB|expected <unix seconds>|exit status"),
    ],
)
def test_a_broken_promise_makes_the_window_invalid(meter, fault, reason):
    token, reading = window(meter(fault))
    assert (reading.class_, reading.value, reading.verdict) == ("unavailable", None, "invalid")
    assert reading.facts["n_invalid"] == 1
    assert token.program.process.returncode is not None, "the program ended with the window"
    assert re.search(reason, reading.reason), reading.reason


def test_what_it_started_ends_too(meter, tmp_path):
    pid = tmp_path / "pid"
    stubborn = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"
    fault = (
        "turn == 0 and (signal.signal(signal.SIGTERM, signal.SIG_IGN), "
        f"open({str(pid)!r}, 'w').write(str(subprocess.Popen([sys.executable, '-c', {stubborn!r}]).pid)))"
    )
    token, reading = window(meter(fault))
    assert reading.value > 0
    assert token.program.process.returncode == -9
    assert not alive(int(pid.read_text()))


def test_a_forgotten_window_leaves_no_program_behind(meter):
    token = meter().start()
    pid = token.program.process.pid
    assert alive(pid, patience=1)
    del token
    assert not alive(pid)


HOLDER = """
import os, sys, time
from bench_power.command import CommandMeter
token = CommandMeter(sys.argv[1], period_s=0.5).start()
print(token.program.process.pid, flush=True)
time.sleep(300)
"""


def test_kill_9_of_the_process_ends_the_program_and_what_it_started(meter, tmp_path):
    """What cannot be caught cannot be cleaned up after: the program must notice by itself."""
    pids = tmp_path / "pids"
    inner = "import time; time.sleep(300)"
    child = f"subprocess.Popen([sys.executable, '-c', {inner!r}]).pid"
    fault = (
        "turn == 0 and (signal.signal(signal.SIGTERM, signal.SIG_IGN), "
        f"open({str(pids)!r}, 'w').write('%d %d' % (__import__('os').getpid(), {child})))"
    )
    program = meter(fault)._program
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, program], stdout=subprocess.PIPE, text=True)
    leash = int(holder.stdout.readline())
    mine = [leash, *map(int, pids.read_text().split())]
    assert len(mine) == 3
    assert all(alive(each, patience=1) for each in mine)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert [each for each in mine if alive(each)] == []


def test_a_program_that_a_signal_ends_says_so(meter):
    _, reading = window(meter("turn == 3 and signal.raise_signal(signal.SIGKILL)"))
    assert "exit status 137" in reading.reason


def alive(pid, patience=200):
    for _ in range(patience):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return False
        if state == "Z":  # ended; nobody has asked how
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(
    ("program", "reason"),
    [("", "no program is named"), ("no-such-meter --fast", "no program 'no-such-meter'"), ("'open", "command line")],
)
def test_what_cannot_start_says_so(program, reason):
    meter = CommandMeter(program)
    assert reason in meter.available()
    reading = meter.stop(meter.start())
    assert (reading.class_, reading.verdict) == ("unavailable", "invalid")
    assert reason in reading.reason


def test_a_file_that_is_no_program_says_so(tmp_path):
    file = tmp_path / "meter"
    file.write_bytes(b"\0\0\0\0")
    file.chmod(0o755)
    meter = CommandMeter(str(file))
    assert "did not start" in meter.stop(meter.start()).reason


def test_the_version_is_the_programs_content(tmp_path):
    script = tmp_path / "meter.py"
    script.write_text("print(1)")
    before = version_of(f"{sys.executable} {script}")
    assert before == version_of(f"{sys.executable} {script}")
    script.write_text("print(2)")
    assert version_of(f"{sys.executable} {script}") != before


def test_no_shell_reads_it(meter, tmp_path):
    sly = CommandMeter(meter()._program + f" ; touch {tmp_path / 'owned'}", period_s=0.5)
    sly.stop(sly.start())
    assert not (tmp_path / "owned").exists()
