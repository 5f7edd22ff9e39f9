"""What chargen reads from strangers, damaged at random, in a process with limits: see `fuzzing/fuzz.py`.

FUZZ_SECONDS sets the time for all kinds together, and FUZZ_SEED tries other inputs.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KINDS = ("model", "forecaster", "run", "table", "text")
PROGRAM = Path(__file__).parent / "fuzzing" / "fuzz.py"


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits and tells the memory of a process so")
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_damaged_works_or_is_refused_in_one_line(kind, tmp_path):
    seconds, seed = float(os.environ.get("FUZZ_SECONDS", "600")) / len(KINDS), os.environ.get("FUZZ_SEED", "0")
    command = [sys.executable, PROGRAM, kind, seed, "0-", str(seconds)]
    result = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(result.stdout[-20_000:])
    last = f"; the last input was {kind} {seed} {(tmp_path / 'number').read_text()}"
    assert result.returncode == 0, result.stdout[-2000:] + last
