import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_python_example_runs_as_printed(tmp_path):
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in snippet.splitlines() if line.strip()]) <= 12
    (tmp_path / "corpus.txt").write_text("it was the time traveller who spoke. " * 200)
    snippet = snippet.replace("hidden_size=256", "hidden_size=16").replace("epochs=10", "epochs=2")
    result = subprocess.run([sys.executable, "-c", snippet], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.split("\n", 2)
    assert [line.split()[0] for line in lines[:2]] == ["1", "2"]
    assert len(lines[2]) == 200 + 1


def test_it_is_one_page():
    assert README.count("\n") <= 150
