import hashlib
import math
import time

import numpy as np
import pytest
import torch

from chargen.errors import InputError, TrainingError
from chargen.text.batches import Batching
from chargen.text.stored_ids import StoredIds
from chargen.training.hardware import autocast
from chargen.training.model import CharModel
from chargen.training.records import EpochRecord, Progress
from chargen.training.settings import TrainingSettings, learning_rate_at
from chargen.training.text_task import evaluate, fit

V = 5
CYCLE = np.tile(np.arange(V), 200)  # a text that can be predicted to perfection

NOISY = np.where(np.random.default_rng(0).random(1000) < 0.3, 0, CYCLE)


def make(cell="lstm", hidden_size=16, **options):
    torch.manual_seed(0)
    return CharModel(V, cell=cell, hidden_size=hidden_size, **options)


def settings(partition="sequential", seed=0, **options):
    return TrainingSettings(batching=Batching(4, 10, partition, seed), **{"warmup_steps": 5, **options})


def epochs(records):
    return [record for record in records if isinstance(record, EpochRecord)]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("partition", ["sequential", "random"])
def test_a_predictable_text_is_learned(cell, partition):
    model = make(cell)
    history = epochs(fit(model, CYCLE, CYCLE[:100], settings(partition, epochs=6, learning_rate=0.02)))
    assert history[0].train_loss > 0.5
    assert history[-1].train_loss < 0.15
    assert history[-1].valid_loss < 0.06


def test_sgd_learns_too():
    history = epochs(
        fit(make(), CYCLE, CYCLE[:0], settings(epochs=8, optimizer="sgd", learning_rate=2.0, weight_decay=0.0))
    )
    assert history[-1].train_loss < 0.5 * history[0].train_loss


@pytest.mark.parametrize(
    ("wild", "blamed"),
    [({"learning_rate": 1e30}, r"a lower learning_rate \(it was 1e\+30\) or clip \(it was 1\)"),
     ({"weight_decay": 1e30}, r"a lower weight_decay \(it was 1e\+30\)$")],
)  # fmt: skip
def test_divergence_is_blamed_on_what_caused_it(wild, blamed):
    with pytest.raises(TrainingError, match=f"training diverged: .*; train again with {blamed}"):
        epochs(fit(make(), CYCLE, CYCLE[:0], settings(**wild)))


def test_records_add_up():
    steps_per_epoch = Batching(4, 10).batches_per_epoch(len(CYCLE))
    records = list(fit(make(), CYCLE, CYCLE[:50], settings(epochs=2)))
    first, second = epochs(records)
    assert (first.epoch, first.step, second.epoch, second.step) == (1, steps_per_epoch, 2, 2 * steps_per_epoch)
    assert 0 < first.seconds < second.seconds
    speed = 40 * steps_per_epoch / (second.seconds - first.seconds)
    assert second.characters_per_second == pytest.approx(speed)
    last_progress = 1 - 1 / (2 * steps_per_epoch)
    assert second.learning_rate == pytest.approx(learning_rate_at(second.step - 1, last_progress, settings()))
    progress = [record for record in records if isinstance(record, Progress)]
    assert (progress[-1].step, progress[-1].progress) == (2 * steps_per_epoch, 1)


def test_the_first_loss_is_that_of_guessing():
    record = next(fit(make(hidden_size=4), CYCLE[:41], CYCLE[:0], settings(epochs=1)))
    assert record.loss == pytest.approx(math.log(V), abs=0.2)


def test_without_held_out_text_there_is_no_validation_loss():
    (record,) = epochs(fit(make(), CYCLE, CYCLE[:0], settings(epochs=1)))
    assert record.valid_loss is None
    assert record.score == record.train_loss


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    def weights(seed, global_seed):
        model = make(dropout=0.5)
        torch.manual_seed(global_seed)  # must not matter
        list(fit(model, CYCLE, CYCLE[:0], settings(seed=seed, epochs=1)))
        return model.output.weight

    assert torch.equal(weights(1, 0), weights(1, 99))
    assert not torch.equal(weights(1, 0), weights(2, 0))


def test_sequential_training_carries_the_state_and_random_training_does_not(monkeypatch):
    model, begun = make("gru"), []
    begin = model.begin_states
    monkeypatch.setattr(model, "begin_states", lambda batch_size: begun.append(batch_size) or begin(batch_size))
    list(fit(model, CYCLE, CYCLE[:0], settings("sequential", epochs=1)))
    assert len(begun) == 1
    list(fit(model, CYCLE, CYCLE[:0], settings("random", epochs=1)))
    assert len(begun) == 1 + Batching(4, 10).batches_per_epoch(len(CYCLE))


def test_the_state_carries_what_lies_before_the_window():
    """Windows of 10 in a text whose period is 20: only a carried state can tell which half comes."""
    text = np.tile(np.r_[[0] * 10, [1] * 10], 50)

    def final_loss(partition):
        options = settings(partition, epochs=10, learning_rate=0.02)
        return epochs(fit(make("lstm", 32), text, text[:0], options))[-1].train_loss

    assert final_loss("sequential") < 0.6 * final_loss("random")


def test_gradients_are_clipped_to_the_global_norm():
    """One step of plain SGD moves the weights by learning rate times gradient, so at most by 0.5 * clip."""
    model = make()
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    options = settings(epochs=1, optimizer="sgd", learning_rate=0.5, clip=0.01, weight_decay=0.0, warmup_steps=0)
    list(fit(model, CYCLE[:41], CYCLE[:0], options))
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert (after - before).norm().item() == pytest.approx(0.5 * 0.01, rel=1e-3)


def test_evaluation_reads_in_sequence():
    """Reading in rows, warmed up, gives the loss of reading the whole text from a zero state."""
    model = make("gru").eval()
    ids = torch.randint(V, (3000,), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits, _ = model(ids[None, :-1], model.begin_state(1))
        expected = torch.nn.functional.cross_entropy(logits[0], ids[1:]).item()
    assert evaluate(model, ids) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("length", [2, 3, 255, 256, 257, 258, 513, 1025])
def test_evaluation_counts_every_target_once(length):
    model = make()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.output.bias[:] = torch.tensor([3.0, 1.0, 0.0, -1.0, 2.0])
    ids = torch.randint(V, (length,), generator=torch.Generator().manual_seed(length))
    expected = torch.nn.functional.cross_entropy(model.output.bias.expand(length - 1, V), ids[1:]).item()
    assert evaluate(model, ids) == pytest.approx(expected, rel=1e-6)


def test_schedule_rises_over_the_warmup_and_falls_along_a_cosine():
    options = TrainingSettings(learning_rate=0.5, warmup_steps=10, final_learning_rate=0.1)
    rising = [learning_rate_at(step, 0.0, options) for step in range(12)]
    assert rising == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.5, 0.5])
    falling = [learning_rate_at(10, progress, options) for progress in (0.0, 0.25, 0.5, 0.75, 1.0)]
    quarter = 0.45 / math.sqrt(8)
    assert falling == pytest.approx([0.5, 0.275 + quarter, 0.275, 0.275 - quarter, 0.05])


def test_a_final_share_of_one_keeps_the_rate_constant():
    options = TrainingSettings(learning_rate=1.0, warmup_steps=0, final_learning_rate=1.0)
    assert {learning_rate_at(step, step / 7, options) for step in range(7)} == {1.0}


def test_a_time_ends_the_run_and_its_schedule():
    options = settings(seconds=1.5, epochs=1)
    began = time.perf_counter()
    history = epochs(fit(make(hidden_size=64), CYCLE, CYCLE[:100], options))
    assert time.perf_counter() - began == pytest.approx(1.5, rel=0.2)
    assert len(history) > 1, "the epochs do not count where a time is given"
    assert history[-1].learning_rate == pytest.approx(0.016 * 0.02, rel=0.5)


def test_the_average_of_the_weights_is_what_is_evaluated_and_left():
    """At a rate that stays high, the average is better than the weights of the last step."""

    def ended(averaging):
        model, options = make(), settings(epochs=2, final_learning_rate=1.0, learning_rate=0.05, averaging=averaging)
        record = epochs(fit(model, NOISY, NOISY[:500], options))[-1]
        assert evaluate(model, NOISY[:500]) == pytest.approx(record.valid_loss, abs=1e-6)
        return record

    averaged, last = ended(5.0), ended(None)
    assert averaged.train_loss == last.train_loss, "the training itself does not change"
    assert averaged.valid_loss < last.valid_loss


def test_anchored_weights_end_nearer_to_where_they_began():
    def distance(anchoring):
        model = make()
        before = model.output.weight.detach().clone()  # (V, H)
        epochs(fit(model, NOISY, NOISY[:0], settings(epochs=2, anchoring=anchoring)))
        return torch.dist(model.output.weight, before).item()

    assert distance(20.0) < 0.5 * distance(0.0)


def test_early_stopping_stops_after_the_patience_and_not_before():
    """Held-out text of the opposite order can only get worse as the cycle is learned."""
    history = epochs(fit(make(), CYCLE, CYCLE[:200][::-1].copy(), settings(epochs=40, patience=3, learning_rate=0.02)))
    losses = [record.valid_loss for record in history]
    best = losses.index(min(losses))
    assert len(history) == best + 1 + 3 < 40


def test_bfloat16_follows_float32():
    def final_loss(precision):
        options = settings(epochs=4, learning_rate=0.02, precision=precision)
        return epochs(fit(make("gru"), CYCLE, CYCLE[:100], options))[-1].valid_loss

    assert final_loss("bfloat16") == pytest.approx(final_loss("float32"), abs=0.02)
    assert final_loss("bfloat16") != final_loss("float32")


def test_weights_state_and_logits_stay_float32(require_precision):
    require_precision("lstm", "bfloat16")
    model = make("lstm")
    with autocast(torch.device("cpu"), "bfloat16"):
        logits, state = model(torch.as_tensor(CYCLE[None, :20]), model.begin_state(1))
    assert {tensor.dtype for tensor in (logits, *state, *model.parameters())} == {torch.float32}


def test_tf32_needs_a_gpu():
    with pytest.raises(InputError, match="precision tf32: cpu cannot compute in it"):
        fit(make(), CYCLE, CYCLE[:0], settings(precision="tf32"))


def test_training_that_diverges_ends_with_advice_and_a_bad_beginning_does_not():
    def train(epochs, clip):
        wild = {"optimizer": "sgd", "learning_rate": 100, "weight_decay": 0.0, "warmup_steps": 0}
        return list(fit(make(), CYCLE, CYCLE[:0], settings(**wild, epochs=epochs, clip=clip)))

    for epochs, clip in ((3, 1e3), (1, 0.2)):  # hopeless, and worse than guessing at the end
        with pytest.raises(
            TrainingError, match=r"training diverged: the mean loss of epoch 1 .*learning_rate \(it was 100"
        ):
            train(epochs, clip)
    assert train(3, 0.2)[-1].train_loss < 0.01


def test_a_loss_that_is_no_number_ends_training_with_advice():
    model = make()
    with torch.no_grad():
        model.output.bias[0] = float("inf")
    with pytest.raises(TrainingError, match=r"no longer a number.*learning_rate \(it was 0.016\)"):
        list(fit(model, CYCLE, CYCLE[:0], settings()))


def test_a_bidirectional_model_is_refused_with_the_reason():
    with pytest.raises(InputError, match="already read"):
        next(fit(make(bidirectional=True), CYCLE, CYCLE, settings()))


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"epochs": 0}, "epochs 0"),
        ({"learning_rate": -1.0}, "learning_rate -1"),
        ({"clip": float("nan")}, "clip nan"),
        ({"warmup_steps": -1}, "warmup_steps -1"),
        ({"optimizer": "adam"}, "'adam'"),
        ({"precision": "float8"}, "'float8'"),
        ({"seconds": 0}, "seconds 0"),
        ({"patience": 0}, "patience 0"),
    ],
)
def test_bad_settings_are_named(wrong, word):
    with pytest.raises(InputError, match=word):
        TrainingSettings(**wrong)


# Ids of every kind


@pytest.mark.parametrize("partition", ["sequential", "random"])
def test_ids_in_a_file_teach_the_same_as_ids_in_memory(tmp_path, partition):
    def learned(ids):
        model = make()
        history = epochs(fit(model, ids[:900], ids[900:], settings(partition, epochs=2)))
        return [(record.train_loss, record.valid_loss) for record in history], evaluate(model, ids[900:])

    expected = learned(CYCLE)
    for dtype in (np.uint8, np.uint16, np.uint32):
        CYCLE.astype(dtype).tofile(tmp_path / "ids")
        sha256 = hashlib.sha256(CYCLE.astype(dtype).tobytes()).hexdigest()
        assert learned(StoredIds(tmp_path / "ids", np.dtype(dtype), len(CYCLE), sha256)) == expected
        assert learned(np.memmap(tmp_path / "ids", dtype, "r")) == expected
        assert learned(CYCLE.astype(dtype)) == expected


def test_of_a_long_held_out_text_the_beginning_is_read(monkeypatch):
    other = np.roll(CYCLE, 1)[::-1].copy()  # no model of CYCLE expects it
    valid_ids = np.concatenate([CYCLE[:50], other])
    model = make()
    (cut,) = epochs(fit(model, CYCLE, valid_ids, settings(epochs=1, valid_chars=50)))
    assert cut.valid_loss == pytest.approx(evaluate(model, CYCLE[:50]), rel=1e-6)
    (whole,) = epochs(fit(make(), CYCLE, valid_ids, settings(epochs=1)))
    assert whole.valid_loss > cut.valid_loss + 0.1
