"""Saves whose digest fits, and whose description was made to break whoever reads it."""

import contextlib
import json
import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from chargen.cli.facts import show_model
from chargen.errors import ChargenError, InputError
from chargen.files.container import read_tensors, write_tensors
from chargen.network.checkpoint import KIND, Checkpoint
from chargen.text.corpus import Corpus, Origin
from chargen.text.vocabulary import Vocabulary
from chargen.training.records import EpochRecord, read_history
from chargen.training.run import Run
from chargen.training.saved_run import SavedRun

GOLDEN = Path(__file__).parents[1] / "golden"
WRONG = [None, True, -1, 1e308, 10**30, math.nan, "", "x", [], ["x"], {}, {"x": 1}]
IDS = np.random.default_rng(0).choice(5, 1000, p=[0.4, 0.3, 0.1, 0.1, 0.1])


def places(value, path=()):
    """Yield the path of every value in a description."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from places(inner, (*path, key))


def changed(value, path, new):
    """Return a description with another value at a path."""
    if not path:
        return new
    changed_part = changed(value.get(path[0]), path[1:], new)
    return value | {path[0]: changed_part}


DESCRIPTION, TENSORS = read_tensors(sorted(GOLDEN.glob("format-*-run.safetensors"))[-1], KIND)


@pytest.mark.parametrize("path", [path for path in places(DESCRIPTION) if path], ids="/".join)
def test_no_crafted_description_breaks_whoever_reads_it(tmp_path, path):
    """Whatever stands in it, the save is refused, or all that reads it works."""
    file = tmp_path / "last.safetensors"
    for wrong in WRONG:
        with contextlib.suppress(ChargenError):
            write_tensors(file, KIND, changed(DESCRIPTION, path, wrong), TENSORS)
            show_model(file, Checkpoint.load(file))
        try:
            saved = SavedRun.open(tmp_path)
        except ChargenError:
            continue
        saved.lock.close()
        json.dumps(asdict(saved.checkpoint.provenance))
        assert saved.changed({"batch_size": 0, "budget": 1.0}).keys() <= {"batch_size", "budget"}
        assert saved.provenance.metadata.get("budget", 0.0) is not True
        assert saved.engine in ("native", "torch")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("settings/batching/batch_size", 10**9),
        ("settings/batching/num_steps", 10**15),
        ("settings/valid_chars", 10**15),
        ("settings/batching/seed", 2**62),
        ("resume/position/epoch", 10**15),
        ("resume/position/batch", 10**15),
        ("resume/position/epoch_loss", 1e300),
    ],
)
def test_no_size_in_a_description_takes_memory(tmp_path, path, value):
    description = changed(DESCRIPTION, ("training", *path.split("/")), value)
    write_tensors(tmp_path / "last.safetensors", KIND, description, TENSORS)
    provenance = Checkpoint.load(tmp_path / "last.safetensors").provenance
    train, valid = np.split(IDS, [provenance.train_characters])
    corpus = Corpus("x", Vocabulary("abcde"), train, valid, provenance.corpus_sha256)
    with_few = replace(corpus, valid_ids=valid[: provenance.valid_characters])
    with contextlib.suppress(ChargenError):
        list(Run.resume(tmp_path, with_few).records())


@pytest.mark.parametrize(
    "source", ["/dev/zero", "http://127.0.0.1:9/x.txt", ["a.txt", "http://127.0.0.1:9/x.txt"], "-"]
)
def test_nothing_is_fetched_or_waited_for_because_a_save_says_so(tmp_path, monkeypatch, source):
    monkeypatch.setenv("CHARGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("requests.Session.send", lambda *_, **__: pytest.fail("it was fetched"))
    shutil.copy(sorted(GOLDEN.glob("format-*-run.safetensors"))[-1], tmp_path / "last.safetensors")
    saved = Checkpoint.load(tmp_path / "last.safetensors")
    origin = replace(saved.provenance.origin or Origin(), source=source)
    replace(saved, provenance=replace(saved.provenance, origin=origin)).save(tmp_path / "last.safetensors")
    with pytest.raises(InputError, match=r"not here any more; give it again: chargen train PATH resume"):
        Run.resume(tmp_path)


LINE = json.dumps(asdict(EpochRecord(1, 2, 3.0, 4.0, None, 0.1, 5.0)))


@pytest.mark.parametrize("odd", ["null", "[]", "{}", "x", '{"epoch": 1}', LINE.replace("4.0", '"4"'), "[" * 10**5])
def test_a_history_with_an_odd_line_is_refused_and_one_that_was_cut_short_is_not(tmp_path, odd):
    path = tmp_path / "history.jsonl"
    path.write_text(f"{LINE}\n{odd}\n{LINE}\n")
    with pytest.raises(InputError, match=r"history\.jsonl line 2 is not the record of an epoch"):
        read_history(path)
    path.write_text(f"{LINE}\n{odd}")
    assert [record.train_loss for record in read_history(path)] == [4.0]
