"""What several tests need: the command, a browser (headless Chromium, by WebDriver), a precision, a model."""

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import requests
from hypothesis import settings

from chargen.cli.main import main
from chargen.network.checkpoint import Checkpoint
from chargen.network.config import ModelConfig
from chargen.text.vocabulary import Vocabulary

# Processes inherit which signals are ignored, as under nohup; the tests send them, and expect that they are heard.
for name in {"SIGINT", "SIGTERM", "SIGHUP"} & set(dir(signal)):
    if signal.getsignal(number := getattr(signal, name)) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)


settings.register_profile("unhurried", deadline=None)  # a busy machine breaks no property
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def chargen_here():
    """A function that runs `chargen ...` in this process, since each of its own takes seconds to load PyTorch."""
    return _chargen_here


def _chargen_here(*arguments, cwd, input="", **variables):
    """Return what `subprocess.run` would, after a command in a folder with these variables of the environment."""
    arguments = list(map(str, arguments))
    given = {"stdin": input if isinstance(input, bytes) else input.encode(), "stdout": b"", "stderr": b""}
    streams = {name: io.TextIOWrapper(io.BytesIO(data), "utf-8") for name, data in given.items()}
    with pytest.MonkeyPatch.context() as changed:
        changed.chdir(cwd)
        for name, value in variables.items():
            changed.setenv(name, str(value))
        for name, stream in streams.items():
            changed.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
    for stream in streams.values():
        stream.seek(0)
    return subprocess.CompletedProcess(
        arguments, ended.value.code, *(streams[to].read() for to in ("stdout", "stderr"))
    )


@pytest.fixture
def ended_by():
    """A function that ends a process by a signal; see `_ended_by`."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("this system does not tell how long a process computed")
    return _ended_by


def _ended_by(number, process):
    """Return what a process prints after a signal, and the seconds that it computes, as many on a busy machine."""
    stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    computed = sum(map(int, stat[11:13])) / os.sysconf("SC_CLK_TCK")
    before = os.times()
    process.send_signal(number)
    _, printed = process.communicate(timeout=60)
    after = os.times()
    ended = after.children_user + after.children_system - before.children_user - before.children_system
    return printed, ended - computed


class Browser:
    """One window of a browser."""

    def __init__(self, driver):
        self._session = driver
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]}
        wanted = {
            "capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
        }
        session = self._post("/session", wanted)
        self._session = f"{driver}/session/{session['sessionId']}"

    def _post(self, path, body):
        answer = requests.post(self._session + path, json=body, timeout=60).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def open(self, path, width=1000, height=800, dark=False):
        """Open an HTML file; afterwards the console must hold no error."""
        self._post("/window/rect", {"width": width, "height": height})
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._cdp("Emulation.setEmulatedMedia", {"features": [scheme]})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._cdp("Emulation.setDeviceMetricsOverride", metrics)
        self._post("/url", {"url": path.resolve().as_uri()})
        errors = self.errors()
        assert not errors, errors

    def errors(self):
        """Return the errors that were written to the console since the last call."""
        return [entry for entry in self._post("/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]

    def _cdp(self, command, parameters):
        return self._post("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def run(self, script, *arguments):
        """Run JavaScript in the page, which may `return` a value and finds its arguments in `arguments`."""
        return self._post("/execute/sync", {"script": script, "args": list(arguments)})

    def screenshot(self, path):
        """Write what the window shows to a PNG."""
        import base64

        answer = requests.get(f"{self._session}/screenshot", timeout=60).json()["value"]
        path.write_bytes(base64.b64decode(answer))

    def close(self):
        requests.delete(self._session, timeout=60)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Headless Chromium with its driver, or the test is skipped."""
    program = shutil.which("chromedriver")
    if not program:
        pytest.skip("THERE IS NO chromedriver: pages were not looked at (Debian: apt-get install chromium-driver)")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    environment = os.environ | {"TMPDIR": str(tmp_path_factory.mktemp("browser"))}  # where it leaves its profiles
    process = subprocess.Popen(
        [program, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        for _ in range(100):
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"http://127.0.0.1:{port}/status", timeout=5).json()["value"]["ready"]:
                    break
            time.sleep(0.1)
        browser = Browser(f"http://127.0.0.1:{port}")
        yield browser
        browser.close()
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def require_precision():
    """Return a function that skips the test where PyTorch cannot run a cell in a precision on this processor."""

    def require(cell, precision):
        import torch

        layer = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell](4, 4)
        try:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
                layer(torch.zeros(1, 1, 4))
        except RuntimeError as error:
            pytest.skip(f"PYTORCH CANNOT RUN {cell} IN {precision} ON THIS PROCESSOR: {error}")

    return require


@pytest.fixture
def spelling():
    """A function that makes the checkpoint of a model that spells a text of different characters over and over."""
    return _spelling


def _spelling(text):
    """Return an RNN whose state is the last character, one-hot."""
    vocabulary = Vocabulary.from_text(text)
    V = len(vocabulary)
    successor = np.zeros((V, V), np.float32)
    for a, b in zip(text, text[1:] + text[0], strict=True):
        successor[vocabulary.encode(b)[0], vocabulary.encode(a)[0]] = 100
    weights = {
        "layers.0.weight_ih_l0": 10 * np.eye(V, dtype=np.float32),
        "layers.0.weight_hh_l0": np.zeros((V, V), np.float32),
        "layers.0.bias_ih_l0": np.zeros(V, np.float32),
        "layers.0.bias_hh_l0": np.zeros(V, np.float32),
        "output.weight": successor,
        "output.bias": np.zeros(V, np.float32),
    }
    return Checkpoint(ModelConfig(V, "rnn", V), vocabulary, weights)
