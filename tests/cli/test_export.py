"""`chargen export`: real processes."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chargen.analysis.scoring import score
from chargen.network.checkpoint import Checkpoint, find
from chargen.sampling.sampler import Sampler

CHARGEN = str(Path(sys.executable).with_name("chargen"))
STORY = (Path(__file__).parents[2] / "corpora" / "the-lamp-at-low-water.txt").read_text("utf-8")[:3_000]


@pytest.fixture
def chargen(tmp_path):
    """Run chargen in a folder."""

    def run(*arguments):
        command = [CHARGEN, *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    return run


def test_an_exported_model_is_small_and_as_good(chargen, tmp_path):
    model, rng = Checkpoint.load(find("time-machine")), np.random.default_rng(0)
    weights = {name: weight * rng.uniform(0.99, 1.01, weight.shape) for name, weight in model.weights.items()}
    whole = replace(model, weights={name: weight.astype(np.float32) for name, weight in weights.items()}, bits=32)
    whole.save(tmp_path / "whole.safetensors")
    original = json.loads(chargen("info", "whole.safetensors", "--json").stdout)
    for bits, size in ((16, 6_000_000), (8, 3_500_000)):
        options = ("--checkpoint", "whole.safetensors", "--bits", bits, "--overwrite")
        result = chargen("export", "small.safetensors", *options)
        assert f" MB, in {bits} bits; before: " in result.stderr
        assert (tmp_path / "small.safetensors").stat().st_size < size
        about = json.loads(chargen("info", "small.safetensors", "--json").stdout)
        assert about == {**original, "checkpoint": "small.safetensors", "bits_per_weight": bits}
    before, after = (
        score(Sampler.load(tmp_path / name), STORY, "skip").bits for name in ("whole.safetensors", "small.safetensors")
    )
    assert 0 < abs(after - before) < 0.005


def test_what_only_resuming_needs_is_left_out(chargen, tmp_path):
    model = Checkpoint.load(find("time-machine"))
    unfinished = replace(model.provenance, resume={"position": {}, "environment": {}})
    run = replace(model, provenance=unfinished, resume={"optimizer": np.zeros(1000, np.float32)})
    run.save(tmp_path / "run.safetensors")
    assert chargen("export", "small.safetensors", "--checkpoint", "run.safetensors").returncode == 0
    small = Checkpoint.load(tmp_path / "small.safetensors")
    assert (small.resume, small.provenance) == ({}, model.provenance)


def test_a_page_is_written_and_small(chargen, tmp_path):
    result = chargen("export", "--html", "page.html", "--checkpoint", "time-machine")
    assert result.stderr == "wrote page.html: 3.6 MB; open it in a browser\n"
    written = (tmp_path / "page.html").read_text("utf-8")
    assert "<title>time-machine</title>" in written
    assert '["bits per character on text that it has not seen", "1.551"]' in written
    assert re.search(r"position in the word \([+-]0\.\d\d\)", written)
    assert len(written) < 4_000_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["model.safetensors", "--checkpoint", "model.safetensors"],
            "model.safetensors is a file that this command reads",
        ),
        (["page.html"], "page.html is the name of a page; give --html too"),
        (["model.safetensors"], "model.safetensors exists; choose another name, or replace it with --overwrite"),
        ([""], "'' is not the name of a file; give one"),
        (["-"], "'-' is not the name of a file; give one"),
        (["--html", "nowhere/page.html"], "there is no folder nowhere"),
        (["nowhere/small.safetensors"], "there is no folder nowhere"),
        (["small.safetensors", "--bits", "4"], "--bits '4': unknown; choose one of 8, 16"),
        (["small.safetensors", "--checkpoint", "none"], "no model 'none'"),
        ([], "OUT is missing"),
    ],
)
def test_bad_input_gets_one_line(chargen, tmp_path, arguments, words):
    (tmp_path / "model.safetensors").write_bytes(b"as it was")
    result = chargen("export", *arguments)
    assert (result.returncode, result.stdout) == (2, ""), result.stderr
    assert words in result.stderr
    assert (tmp_path / "model.safetensors").read_bytes() == b"as it was"
