"""Begin, resume and show a run: what `chargen train` does once its options are read."""

import contextlib
import itertools
import os
from dataclasses import fields
from pathlib import Path

import click
from click.core import ParameterSource

from chargen.cli.options import say
from chargen.errors import InputError, with_names
from chargen.report.words import counted, suggestion

RUNS = "checkpoints"  # the folder of the runs


def begin(
    context,
    processes,
    corpus,
    device,
    sample_prefix,
    began,
    *,
    name,
    overwrite,
    init_from,
    from_scratch,
    save_every,
    **options,
):
    """Return a new run for a corpus, and say on stderr what was chosen.

    Args:
        began: when the command started, by `seconds_worked`; a time budget counts from there.
        options: the other options of `chargen train`.
    """
    from chargen.network.checkpoint import Checkpoint, find
    from chargen.training.automatic import choose
    from chargen.training.plan import FixedSettings
    from chargen.training.run import Run
    from chargen.training.run_folder import refuse_existing

    _require_folder_name(name)
    budget = options["budget"]
    if budget and context.get_parameter_source("epochs") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--budget and --epochs both say how long to train; give one of them")
    if init_from and from_scratch:
        raise click.UsageError("--init-from and --from-scratch cannot be combined; leave one of them out")
    base = Checkpoint.load(find(init_from)) if init_from is not None else None
    text = _read(processes, corpus, base, options)
    flags = {parameter.name: parameter.opts[-1] for parameter in context.command.params}
    for note in text.notes:
        say(with_names(note, lambda name: flags.get(name, f"{{{name}}}")))
    folder = _folder(name, text.name, options["cell"], base)
    if processes.first:
        refuse_existing(folder, overwrite)
    _require_known(sample_prefix, text.vocabulary)
    fixed = {field.name: options[field.name] for field in fields(FixedSettings)}
    fixed |= {name: None for name in ("precision", "engine") if fixed[name] == "auto"}
    plan, metadata = choose(
        text,
        device,
        FixedSettings(**fixed),
        seed=options["seed"],
        budget=budget,
        began=began,
        base=base,
        init_from=init_from,
        from_scratch=from_scratch,
        processes=processes,
        say=lambda line: say(with_names(line, flags.__getitem__)),
    )
    kept = {"overwrite": overwrite, "save_every": save_every, "metadata": metadata, "processes": processes}
    return Run.begin(folder, plan.model, text, plan.settings, **kept)


def _read(processes, corpus, base, options):
    from chargen.text.corpus import read_corpus
    from chargen.text.reading_options import ReadingOptions

    reading = {field.name: options[field.name] for field in fields(ReadingOptions)}
    reading["normalization"] = reading["normalization"] or (base.vocabulary.normalization if base else "none")
    with processes.one_before_the_others():
        return read_corpus(corpus, ReadingOptions(**reading), options["in_memory"])


def resume(context, processes, corpus, device, sample_prefix, resume_name, *, name, overwrite, save_every, **options):
    """Return the run that is to go on, and say on stderr where it stands."""
    from chargen.cli.progress import how_far
    from chargen.text.corpus import read_corpus
    from chargen.training.run import Run
    from chargen.training.saved_run import SavedRun

    if overwrite:
        raise click.UsageError("--overwrite starts a run anew and --resume continues it; give one of them")
    folder = _folder_to_resume(processes, corpus, resume_name, name, options)
    saved = SavedRun.open(folder, processes)
    try:
        _require_known(sample_prefix, saved.checkpoint.vocabulary)
        epochs, budget = _more(context, saved, options)
        had = saved.provenance.metadata.get("budget")
        text = None
        if corpus:
            with processes.one_before_the_others():
                text = read_corpus(corpus, saved.origin, options["in_memory"])
        run = Run.resume(
            saved,
            text,
            epochs=epochs,
            more_seconds=budget - had if budget else 0.0,
            device=device,
            save_every=save_every,
            metadata={"budget": budget or had},
            in_memory=options["in_memory"],
            processes=processes,
        )
    except BaseException:
        saved.lock.close()
        raise
    for note in run.notes:
        say(note)
    if run.finished:
        more = f"--epochs {2 * run.settings.epochs}" if budget is None and had is None else "a longer --budget"
        say(f"{folder} is finished; give {more} to train further")
    else:
        say(f"resuming {folder} after {how_far(run)}")
    return run


def _folder_to_resume(processes, corpus, resume, name, options) -> str | Path:
    from chargen.network.checkpoint import Checkpoint, find, runs_in
    from chargen.text.sources import documents, folder_name
    from chargen.training.saved_run import newest_run

    if resume and name:
        raise click.UsageError(f"--resume {resume} and --name {name} both name a run; give one of them")
    if resume or name:
        folder = os.path.join(RUNS, folder_name(resume or name))
        if os.path.isdir(folder):
            return folder
        if processes.first and not os.path.isdir(resume):
            raise InputError(f"no run {resume or name!r}", suggestion(resume or name, [run.name for run in runs_in()]))
        return resume or folder
    if corpus:
        base = Checkpoint.load(find(options["init_from"])) if options["init_from"] else None
        return _folder(None, documents(corpus)[0], options["cell"], base)
    return newest_run(RUNS) if processes.first else RUNS


def _more(context, saved, options) -> tuple[int | None, float | None]:
    """Return the epochs and the budget that were typed; refuse other options that differ from the run's."""
    typed = {key: options[key] for key in _typed(context) if key in options and options[key] != "auto"}
    epochs, budget = typed.pop("epochs", None), typed.pop("budget", None)
    had = saved.provenance.metadata.get("budget")
    for key, value in saved.changed(typed).items():
        option = next(parameter.opts[-1] for parameter in context.command.params if parameter.name == key)
        raise click.UsageError(
            f"{option} {typed[key]}: the run has {_shown(value)}, and resuming can change only --epochs and --budget;"
            " leave the option out, or begin a new run with --init-from"
        )
    if (epochs and had) or (budget and not had):
        kind = f"a budget of {had:g}s" if had else counted(saved.settings.epochs, "epoch")
        raise click.UsageError(f"the run was started with {kind}; give more of that")
    if budget and budget < had:
        raise click.UsageError(f"--budget {budget:g}s: the run has {had:g}s; give at least that much")
    return epochs, budget


def train(run, processes, sample_every: float | None, sample_prefix: str) -> int:
    """Train, show how it goes, and return the exit code."""
    from chargen.cli.conclusion import conclusion
    from chargen.cli.preview import Preview
    from chargen.cli.progress import how_far, show_training
    from chargen.cli.stop_signals import StopRequest

    _warn_of_held_out(run)
    preview = Preview(run, sample_every if processes.first else 0, sample_prefix)
    with StopRequest() as request:
        failure = None
        try:
            with contextlib.closing(run.records()) as records:
                show_training(run, itertools.takewhile(lambda _: request.exit_code is None, records), preview)
        except OSError as error:  # the terminal may be gone with its signal
            failure = error
        exit_code = int(processes.largest(request.exit_code or 0))
        if failure and not exit_code:
            raise failure
        if exit_code and not run.finished:
            name = run.folder.name if run.folder.parent == Path(RUNS) else run.folder
            command = "chargen" if processes.size == 1 else "torchrun ... -m chargen"
            with contextlib.suppress(OSError):
                say(f"stopped and saved after {how_far(run)}; to go on: {command} train --resume {name}")
            return exit_code
    if processes.first:
        for line in conclusion(run):
            say(line)
    return 0


def _warn_of_held_out(run) -> None:
    from chargen.analysis.text_check import TRUSTED_VALIDATION

    held_out, read = len(run.corpus.valid_ids), run.settings.valid_chars
    if held_out > read:
        say(f"the first {read:,} held-out characters are read after each epoch; --valid-chars reads more")
    if 0 < held_out < TRUSTED_VALIDATION:
        say(f"only {counted(held_out, 'character')} held out: the held-out figures are only a hint")


def _require_known(sample_prefix: str, vocabulary) -> None:
    from chargen.text.normalization import normalize

    if unknown := set(normalize(sample_prefix, vocabulary.normalization)) - set(vocabulary.characters):
        raise click.UsageError(f"--sample-prefix has characters that the text lacks: {' '.join(sorted(unknown))}")


def _shown(value) -> str:
    """Return an option's value as it is typed: a newline as an escape, but no quotation marks around words."""
    return repr(value)[1:-1] if isinstance(value, str) else str(value)


def _typed(context: click.Context) -> list[str]:
    """Return the names of the parameters that the user, or a preset, has given."""
    given = (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)
    return [name for name in context.params if context.get_parameter_source(name) in given]


def _folder(name: str | None, corpus_name: str, cell: str | None, base) -> str:
    from chargen.text.sources import LONGEST_NAME, folder_name

    cell = cell or (base.config.cell if base else "lstm")
    return os.path.join(RUNS, name or f"{folder_name(corpus_name, LONGEST_NAME - len(cell) - 1)}-{cell}")


def _require_folder_name(name: str | None) -> None:
    from chargen.text.sources import LONGEST_NAME, folder_name

    if name is not None and len(name.encode(errors="replace")) > LONGEST_NAME:
        raise click.UsageError(f"--name is longer than {LONGEST_NAME} bytes; give a shorter one")
    if name is not None and (fit := folder_name(name)) != name:
        raise click.UsageError(f"--name {name!r} cannot be the name of a folder; choose another, such as {fit}")
