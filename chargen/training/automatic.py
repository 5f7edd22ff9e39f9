"""The choices that `chargen train` makes by itself, and a whole training in one call."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from chargen.errors import with_names
from chargen.network.checkpoint import BEST, LAST, Checkpoint, find
from chargen.report.words import duration
from chargen.sampling.sampler import Sampler
from chargen.text.baselines import measure
from chargen.text.corpus import Corpus, load_corpus
from chargen.text.reading_options import ReadingOptions
from chargen.text.sources import Source
from chargen.training.base import BASE, BEFORE_LEARNING, SHORTEST, Opinion, consult
from chargen.training.clock import seconds_worked
from chargen.training.hardware import pick_device
from chargen.training.plan import LEAST_SHARE, FixedSettings, Plan, make_plan
from chargen.training.processes import ALONE, Processes
from chargen.training.recipe import Knowledge
from chargen.training.records import EpochRecord
from chargen.training.run import Run


def choose(
    corpus: Corpus,
    device: torch.device,
    fixed: FixedSettings,
    *,
    seed: int = 0,
    budget: float | None = None,
    began: float | None = None,
    base: Checkpoint | None = None,
    init_from: str | None = None,
    from_scratch: bool = False,
    processes: Processes = ALONE,
    say: Callable[[str], object] = lambda line: None,
) -> tuple[Plan, dict]:
    """Return what to train on a corpus and how, and what the run is to remember of it, see `Run.metadata`.

    Args:
        fixed: settings that are not to be chosen.
        budget: seconds of training; None takes the usual time.
        began: when they began, by `seconds_worked`; None for now.
        base: the model to begin with; None lets the text decide whether the bundled base model is.
        init_from: what the user calls that model.
        from_scratch: whether to begin with random weights in any case.
        say: is called with each line about what was chosen; settings stand in braces, as in `ChargenError`.

    Raises:
        InputError: see `make_plan`.
    """
    began = seconds_worked() if began is None else began
    baselines = measure(corpus) if processes.first else {}
    knowledge, long_enough = Knowledge.GOOD, len(corpus.train_ids) >= SHORTEST
    if base is not None and long_enough:
        knowledge = consult(base, corpus, device, baselines, processes).knowledge
    elif base is None and not from_scratch and long_enough and _base_may_help(corpus, fixed):
        english = Checkpoint.load(find(BASE))
        opinion = consult(english, corpus, device, baselines, processes)
        say(_told(opinion))
        if opinion.helps:
            base, init_from, knowledge = english, BASE, opinion.knowledge
            baselines = {BEFORE_LEARNING: opinion.bits} | baselines
    seconds = budget and _left_of(budget, seconds_worked() - began, say)
    plan = make_plan(
        corpus, device, fixed, seed=seed, seconds=seconds, base=base, knowledge=knowledge, processes=processes
    )
    if new := base and set(corpus.vocabulary.characters) - set(base.vocabulary.characters):
        say(f"characters that are new to {init_from}: {''.join(sorted(new))!r}")
    say(plan.why)
    return plan, {"budget": budget, "init_from": init_from, "baselines": baselines}


def _told(opinion: Opinion) -> str:
    """Return what is decided about the bundled base model, and why."""
    if not opinion.helps:
        return (
            f"beginning from nothing: the base model {BASE} does not know this text ({opinion.bits:.3f} bits per"
            f" character; counting letters {opinion.counts:.3f})"
        )
    strange = "" if opinion.knowledge is Knowledge.GOOD else ", which has much to learn here"
    return (
        f"beginning from the base model {BASE}{strange}: {opinion.bits:.3f} bits per character before learning"
        " ({from_scratch} begins from nothing)"
    )


def _left_of(budget: float, spent: float, say: Callable[[str], object]) -> float:
    """Return the seconds of a budget that are left for training: half of it, however long the preparation took."""
    if spent > budget * LEAST_SHARE:
        say(f"getting ready took {duration(spent)}: training for half of the budget of {duration(budget)} all the same")
    return max(budget - spent, budget * LEAST_SHARE)


def _base_may_help(corpus: Corpus, fixed: FixedSettings) -> bool:
    """Whether nothing was asked for that the base model cannot have."""
    own_network = fixed.cell or fixed.hidden_size or fixed.num_layers
    return not own_network and corpus.vocabulary.normalization in ("none", "prose")


def train(
    source: Source | Sequence[Source] = None,
    *,
    budget: float | None = None,
    folder: str | Path | None = None,
    overwrite: bool = False,
    init_from: str | None = None,
    from_scratch: bool = False,
    device: str = "auto",
    seed: int = 0,
    watch: Callable[[str | EpochRecord], object] = lambda news: None,
    **options: Any,
) -> Sampler:
    """Learn a text with the choices that `chargen train` makes, and return the best model, which writes.

    Args:
        source: a text file or whatever else `load_corpus` takes.
        budget: seconds that the training may take; None takes the usual time, by the text.
        folder: keeps the run there, so that `Run.resume` can go on with it; None keeps only what is returned.
        overwrite: whether a run in `folder` may be replaced.
        init_from: a model to begin with; None lets the text decide whether the bundled base model is.
        from_scratch: whether to begin with random weights in any case.
        device: "auto" takes CUDA where there is one, else the CPU.
        seed: of the weights and the order of the text.
        watch: is called with what was chosen, line by line, and with the record of each epoch; `print` shows them.
        options: those of `load_corpus` and the fields of `FixedSettings`, such as `normalization` or `hidden_size`.

    Raises:
        ChargenError: the text cannot be read or is too short, or an option does not fit; see there.
        TypeError: there is no such option.

    >>> model = chargen.train("letters.txt")                            # doctest: +SKIP
    >>> print(model.sample("Dear "))                                    # doctest: +SKIP
    >>> model.checkpoint.save("letters.safetensors")                    # doctest: +SKIP
    """
    began = seconds_worked()
    reading = {name: options.pop(name) for name in list(options) if name in _READING}
    fixed, on = FixedSettings(**options), pick_device(device)
    base = Checkpoint.load(find(init_from)) if init_from else None
    if base:
        reading.setdefault("normalization", base.vocabulary.normalization)
    corpus = load_corpus(source, **reading)
    start: dict[str, Any] = {"base": base, "init_from": init_from, "from_scratch": from_scratch}
    start |= {"say": lambda line: watch(with_names(line, str))}
    plan, metadata = choose(corpus, on, fixed, seed=seed, budget=budget, began=began, **start)
    with tempfile.TemporaryDirectory(prefix="chargen-") as temporary:
        place = Path(folder or temporary)
        run = Run.begin(place, plan.model, corpus, plan.settings, overwrite=overwrite, metadata=metadata)
        for record in run.records():
            if isinstance(record, EpochRecord):
                watch(record)
        return Sampler(Checkpoint.load(place / (BEST if run.best is not None else LAST)))


_READING = {*vars(ReadingOptions()), "in_memory"}
