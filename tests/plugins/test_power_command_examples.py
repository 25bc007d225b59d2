"""The two programs shown in the documentation are meters: run here against a pretended plug and a pretended shunt."""

import json
import re
import shlex
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from bench_power.command import CommandMeter

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "command-meter.md"
SMBUS = """
class SMBus:
    \"\"\"0.5 A at 5 V over 0.1 ohm, with the conversion-ready flag set.\"\"\"

    def __init__(self, bus):
        assert bus == 1

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def read_i2c_block_data(self, address, register, length):
        assert (address, length) == (0x40, 2)
        return list({1: 5000, 2: (1250 << 3) | 2}[register].to_bytes(2, "big"))
"""


@pytest.fixture
def program(tmp_path):
    """Return the command line of a script of the page, by its first line."""

    def write(name, *arguments):
        shown = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        (code,) = (each for each in shown if each.startswith(f"# {name} "))
        (tmp_path / name).write_text(code, encoding="utf-8")
        return shlex.join([sys.executable, str(tmp_path / name), *arguments])

    return write


@pytest.fixture
def plug():
    """A plug whose total grows by 1 mWh at every request; return its address."""

    class Plug(BaseHTTPRequestHandler):
        total = 1234.5

        def do_GET(self):
            assert self.path == "/rpc/Switch.GetStatus?id=0"
            Plug.total += 0.001
            body = json.dumps({"id": 0, "apower": 18.0, "aenergy": {"total": round(Plug.total, 3)}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Plug) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_wall_meter(program, plug):
    meter = CommandMeter(program("shelly.py", plug), period_s=2.0, accuracy=0.02)
    token = meter.start()
    time.sleep(0.8)
    reading = meter.stop(token)
    assert reading.class_ == "measured", reading.reason
    # 3.6 J a request, a request every 0.2 s and what it takes: 18 W at most.
    assert 0 < reading.value <= 18.5 * reading.facts["window_s"] + 3.6
    assert reading.facts["uncertainty"]["quantum_j"] == pytest.approx(0.2)


def test_the_shunt(program, tmp_path, monkeypatch):
    (tmp_path / "smbus2.py").write_text(SMBUS)
    meter = CommandMeter(program("ina219.py", "1"), domain="board", period_s=1.0, limit_w=15.0)
    token = meter.start()
    time.sleep(0.5)
    reading = meter.stop(token)
    assert reading.class_ == "measured", reading.reason
    assert reading.value / reading.facts["window_s"] == pytest.approx(2.5, rel=0.05)
    assert reading.facts["domains"] == ["board"]
