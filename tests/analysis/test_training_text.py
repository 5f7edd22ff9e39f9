from pathlib import Path

import numpy as np
import pytest

from chargen.analysis.copies import Copied, CopyScan
from chargen.analysis.training_text import training_corpus
from chargen.errors import InputError
from chargen.network.checkpoint import Checkpoint
from chargen.network.provenance import Provenance
from chargen.text.corpus import Origin, load_corpus

GOLDEN = Path(__file__).parents[1] / "golden"
NOISE = "".join(np.random.default_rng(0).choice(list("abcdefgh \n"), 1000))


def training_text(*arguments):
    corpus = training_corpus(*arguments)
    return corpus.vocabulary.decode(corpus.train_ids)


def remembered(path, **options):
    corpus = load_corpus(path, **options)
    return Provenance(corpus.name, corpus.sha256, corpus.origin)


def test_what_was_held_out_is_no_training_text(tmp_path):
    (tmp_path / "noise.txt").write_text(NOISE, "utf-8")
    training = remembered(tmp_path / "noise.txt", valid_fraction=0.25)
    text = training_text(training, "none")
    assert text == NOISE[:750]
    assert CopyScan(text).audit(NOISE[725:775]) == Copied(NOISE[725:750], 0.5, ((0, 25),))


def test_the_remembered_text_is_read_as_it_was_for_training(tmp_path):
    (tmp_path / "poem.txt").write_bytes("Ärger, Öl\r\nund Übermut".encode("cp1252"))
    options = {"encoding": "cp1252", "normalization": "letters", "max_chars": 20, "valid_fraction": 0.5}
    assert training_text(remembered(tmp_path / "poem.txt", **options), "letters") == "ärger öl u"


def test_a_text_that_is_named_counts_as_a_whole(tmp_path):
    (tmp_path / "poem.txt").write_bytes("Ärger, Öl".encode("cp1252"))
    (tmp_path / "noise.txt").write_text(NOISE, "utf-8")
    training = remembered(tmp_path / "poem.txt", encoding="cp1252", normalization="lower", max_chars=3)
    assert training_text(training, "lower") == "är"
    assert training_text(training, "lower", str(tmp_path / "poem.txt")) == "ärger, öl"
    assert training_text(Provenance(), "none", str(tmp_path / "noise.txt")) == NOISE
    with pytest.raises(InputError, match="no file 'nowhere'"):
        training_text(training, "lower", "nowhere")


@pytest.mark.parametrize("name", ["format-1", "format-2", "format-2-run"])
def test_a_model_that_does_not_say_where_its_text_lies(name):
    training = Checkpoint.load(GOLDEN / f"{name}.safetensors").provenance
    with pytest.raises(InputError, match=rf"does not record .* \({training.corpus}\); name .* audit CORPUS$"):
        training_text(training, "none")


def test_a_text_from_standard_input_cannot_be_read_again():
    with pytest.raises(InputError, match=r"does not record .* \(stdin\); name"):
        training_text(Provenance("stdin", "0" * 64, Origin()), "none")


def test_a_text_that_is_not_there_any_more_or_another_one(tmp_path):
    path = tmp_path / "noise.txt"
    path.write_text(NOISE, "utf-8")
    training = remembered(path)
    path.write_text(NOISE + "!", "utf-8")
    with pytest.raises(InputError, match=rf"noise.txt is not the text .* not {training.corpus_sha256[:12]}"):
        training_text(training, "none")
    path.unlink()
    with pytest.raises(InputError, match=r"cannot be read: .*noise.txt is not here any more; name the text"):
        training_text(training, "none")
