import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_python_example_runs_as_printed(tmp_path):
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in snippet.splitlines() if line.strip()]) <= 12
    (tmp_path / "letters.txt").write_text("Dear Anna, it was the time traveller who spoke.\n" * 200)
    snippet = snippet.replace("watch=print", "watch=print, hidden_size=16, epochs=2")
    result = subprocess.run([sys.executable, "-c", snippet], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    chosen, written = result.stdout.split("Dear ", 1)
    assert "lstm 1 x 16" in chosen
    assert "EpochRecord(epoch=2" in chosen
    assert len(written) > 200
    assert (tmp_path / "letters.safetensors").exists()


def test_it_is_one_page():
    assert README.count("\n") <= 150
