import json

import numpy as np
import pytest
import torch

from chargen.batches import Batching
from chargen.checkpoint import Checkpoint
from chargen.corpus import Corpus
from chargen.errors import InputError
from chargen.model import CharModel
from chargen.runs import train_run
from chargen.training import EpochRecord, TrainingSettings, evaluate
from chargen.vocabulary import Vocabulary

TEXT = "abcde" * 200
VOCABULARY = Vocabulary.from_text(TEXT)
IDS = VOCABULARY.encode(TEXT)
CORPUS = Corpus("letters", VOCABULARY, IDS[:900], IDS[900:], "0" * 64)
KEYS = ["epoch", "step", "seconds", "train_loss", "valid_loss", "learning_rate", "characters_per_second"]


def make(seed=0):
    torch.manual_seed(seed)
    return CharModel(len(VOCABULARY), cell="gru", hidden_size=8)


def run(folder, corpus=CORPUS, model=None, overwrite=False, **options):
    settings = TrainingSettings(batching=Batching(4, 10), **{"epochs": 3, "warmup_steps": 2, **options})
    records = train_run(folder, model or make(), corpus, settings, overwrite)
    return [record for record in records if isinstance(record, EpochRecord)]


def test_the_history_has_an_object_an_epoch(tmp_path):
    records = run(tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert [list(line) for line in lines] == [KEYS] * 3
    assert [line["valid_loss"] for line in lines] == [record.valid_loss for record in records]


def test_best_is_the_epoch_with_the_lowest_validation_loss(tmp_path):
    """A learning rate that is far too high makes later epochs worse than earlier ones."""
    records = run(tmp_path / "run", epochs=8, learning_rate=0.3, clip=100.0)
    best = Checkpoint.load(tmp_path / "run" / "best.safetensors")
    lowest = min(records, key=lambda record: record.valid_loss)
    assert lowest is not records[-1], "the test needs a run whose last epoch is not its best"
    assert best.training["reached"]["epoch"] == lowest.epoch
    model = CharModel.from_checkpoint(best)
    assert evaluate(model, torch.as_tensor(CORPUS.valid_ids)) == pytest.approx(lowest.valid_loss, rel=1e-6)


def test_without_validation_best_is_the_lowest_training_loss(tmp_path):
    corpus = Corpus("letters", VOCABULARY, IDS, IDS[:0], "0" * 64)
    records = run(tmp_path / "run", corpus)
    lowest = min(records, key=lambda record: record.train_loss)
    assert Checkpoint.load(tmp_path / "run" / "best.safetensors").training["reached"]["epoch"] == lowest.epoch
    assert json.loads((tmp_path / "run" / "history.jsonl").read_text().splitlines()[0])["valid_loss"] is None


def test_the_checkpoint_knows_where_it_came_from(tmp_path):
    run(tmp_path / "run")
    training = Checkpoint.load(tmp_path / "run" / "best.safetensors").training
    assert training["corpus"] == "letters"
    assert training["corpus_sha256"] == "0" * 64
    assert (training["train_characters"], training["valid_characters"]) == (900, 100)
    assert training["settings"]["batching"]["num_steps"] == 10


def test_a_run_is_not_overwritten_unless_asked(tmp_path):
    run(tmp_path / "run")
    before = (tmp_path / "run" / "best.safetensors").read_bytes()
    with pytest.raises(InputError, match="--overwrite"):
        run(tmp_path / "run")
    assert (tmp_path / "run" / "best.safetensors").read_bytes() == before
    run(tmp_path / "run", overwrite=True, epochs=1, model=make(seed=1))
    assert (tmp_path / "run" / "best.safetensors").read_bytes() != before
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) == 1


def test_a_text_that_is_too_short_does_not_cost_the_old_run(tmp_path):
    run(tmp_path / "run")
    short = Corpus("short", VOCABULARY, IDS[:20], IDS[:0], "0" * 64)
    with pytest.raises(InputError, match="20 characters"):
        run(tmp_path / "run", short, overwrite=True)
    assert (tmp_path / "run" / "best.safetensors").exists()


def test_a_run_that_is_stopped_keeps_what_it_reached(tmp_path):
    settings = TrainingSettings(batching=Batching(4, 10), epochs=50)
    records = train_run(tmp_path / "run", make(), CORPUS, settings)
    for record in records:
        if isinstance(record, EpochRecord) and record.epoch == 2:
            records.close()
            break
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) == 2
    assert Checkpoint.load(tmp_path / "run" / "best.safetensors").training["reached"]["epoch"] <= 2
    assert (tmp_path / "run" / "loss.png").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(InputError, match="cannot write the run's folder"):
        run(tmp_path / "checkpoints" / "run")


def test_the_picture_is_a_png_of_1200_by_750(tmp_path):
    run(tmp_path / "run")
    data = (tmp_path / "run" / "loss.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert np.frombuffer(data[16:24], ">u4").tolist() == [1200, 750]
