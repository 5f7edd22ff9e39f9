"""`chargen sample`."""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict

import click

from chargen.cli.options import checkpoint_option, not_negative, positive, refuse_with, unknown_option
from chargen.errors import InputError

share = click.FloatRange(0, 1, min_open=True)
PREFIX_LIMIT = 100_000_000  # bytes of a prefix from a file or standard input


@click.command()
@click.argument("prefix", default="")
@click.option("--prefix-file", type=click.Path(), help="Take the prefix from this file; - as PREFIX reads stdin.")
@click.option("--encoding", help="How the bytes of a prefix file, or of the CORPUS to audit, are to be read.")
@checkpoint_option
@click.option("--length", type=not_negative, default=500, help="Characters to write.")
@click.option(
    "--temperature",
    type=click.FloatRange(0),
    default=0.8,
    help="Below 1 safer, above 1 wilder, 0 always the likeliest character.",
)
@click.option("--top-k", type=positive, help="Choose among the k likeliest characters only.")
@click.option("--top-p", type=share, help="Choose among the fewest characters that have this probability together.")
@click.option("--min-p", type=share, help="Choose among characters that have this share of the likeliest one's chance.")
@click.option("--greedy", is_flag=True, help="Always take the likeliest character; the same as --temperature 0.")
@click.option("--beam", type=positive, help="Write the likeliest text that a search so many beginnings wide finds.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    help="The same seed writes the same text.  [default: a new one each time]",
    show_default=False,
)
@click.option("--num-samples", type=positive, default=1, help="How many texts to write.")
@click.option("--stop", multiple=True, help="End a text before this would appear in it; may be given several times.")
@click.option("--lines", type=positive, help="End a text after so many lines.")
@unknown_option
@click.option(
    "--audit",
    metavar="[CORPUS]",
    is_flag=False,
    flag_value="",
    help="Say what was copied from the text that the model learned, or from CORPUS; a terminal shows it in reverse.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a text.")
@click.option("--interactive", is_flag=True, help="Write in turns: you a piece, the model a piece.")
@click.pass_context
def sample(
    context, prefix, prefix_file, checkpoint, seed, num_samples, greedy, beam, audit, as_json, interactive, **options
):
    """Write on from PREFIX.

    Without PREFIX, write on from a random character.
    """
    import secrets

    from chargen.network.checkpoint import Checkpoint, find
    from chargen.sampling.filters import SamplingSettings
    from chargen.sampling.sampler import Sampler

    filters = ("top_k", "top_p", "min_p")
    if interactive:
        others = ("prefix", "prefix_file", "encoding", "beam", "num_samples", "audit", "as_json", "lines")
        refuse_with(context, "--interactive", *others)
    if beam:
        refuse_with(context, "--beam", "seed", "num_samples", "temperature", "greedy", *filters)
    if greedy:
        refuse_with(context, "--greedy", "temperature", *filters)
    path = find(checkpoint)
    if checkpoint is None:
        click.echo(f"sampling from {path}", err=True)
    loaded = Checkpoint.load(path)
    sampler = Sampler(loaded)
    length, stop, unknown = options["length"], options["stop"], options["unknown"]
    settings = SamplingSettings(0 if greedy else options["temperature"], **{name: options[name] for name in filters})
    if seed is None and not beam:
        seed = secrets.randbits(32)
        click.echo(f"drawn with --seed {seed}", err=True)
    if interactive:
        from chargen.sampling.prompt_loop import Interaction, converse

        converse(Interaction(sampler, settings, length, seed, stop, unknown))
        return
    index = _index(loaded, audit, options["encoding"], prefix) if audit is not None else None
    prefix = _prefix(prefix, prefix_file, options["encoding"] or "utf-8")
    prefix = sampler.vocabulary.decode(sampler.vocabulary.encode(prefix, unknown))
    ending = {"stop": stop, "lines": options["lines"]}
    if beam:
        texts = [[sampler.likeliest(prefix, length, beam, **ending)]]
    elif num_samples == 1:
        texts = [sampler.stream(prefix, length, settings, (seed, 0), **ending)]
    else:
        texts = ([text] for text in sampler.samples(num_samples, prefix, length, settings, seed, **ending))
    for number, (pieces, copied) in enumerate(_audited(texts, index)):
        if as_json:
            audited = {"copied": asdict(copied)} if copied else {}
            drawn = {} if beam else {"seed": seed, "number": number}
            click.echo(json.dumps({"prefix": prefix, "text": "".join(pieces)} | drawn | audited))
        else:
            _show("---\n" * (number > 0), prefix, pieces, copied)


def _audited(texts: Iterable[Iterable[str]], index):
    """Return pairs of a text's pieces and what is copied in them, None without an audit."""
    if index is None:
        return ((pieces, None) for pieces in texts)
    whole = ["".join(pieces) for pieces in texts]
    return zip(([text] for text in whole), index.audit_all(whole), strict=True)


def _show(separator: str, prefix: str, pieces: Iterable[str], copied) -> None:
    """Write a text to standard output as it comes to be or, where it is to be audited, when it is done."""
    from chargen.report.terminal import printable

    sys.stdout.write(separator + printable(prefix, sys.stdout))
    if copied is None:
        for piece in pieces:
            sys.stdout.write(printable(piece, sys.stdout))
            sys.stdout.flush()
        sys.stdout.write("\n")
        return
    from chargen.analysis.copies import SPAN
    from chargen.report.terminal import colours, mark

    text = "".join(pieces)
    marked = copied.spans if colours(sys.stdout) else ()
    sys.stdout.write(mark(text, marked, lambda piece: printable(piece, sys.stdout)) + "\n")
    sys.stdout.flush()
    click.echo(
        f"{copied.share:.1%} of it stands in the training text, in spans of {SPAN} characters or more;"
        f" the longest span there: {copied.longest!r}",
        err=True,
    )


def _index(loaded, audit: str, encoding: str | None, prefix: str):
    from chargen.analysis.copies import CopyScan
    from chargen.analysis.training_text import training_corpus
    from chargen.text.registry import registry

    if audit and not prefix and not os.path.exists(audit) and audit not in registry():
        raise click.UsageError(f"--audit {audit!r} is no CORPUS; if it is the prefix, put --audit after it")

    if base := loaded.provenance.metadata.get("init_from"):
        click.echo(f"the model began as {base}, whose text it may also copy from; that is not looked up", err=True)
    return CopyScan(training_corpus(loaded.provenance, loaded.vocabulary.normalization, audit or None, encoding))


def _prefix(prefix: str, file: str | None, encoding: str) -> str:
    """Return the prefix itself, or what standard input or a file holds."""
    from chargen.sampling.sampler import CONTEXT
    from chargen.text.decoding import decode

    if file is not None and prefix:
        raise click.UsageError("PREFIX and --prefix-file both say what to go on from; give one of them")
    if file is None and prefix != "-":
        return prefix
    from_stdin = file in (None, "-")
    name = "standard input" if from_stdin else file
    try:
        with sys.stdin.buffer if from_stdin else open(file, "rb") as source:
            data = source.read(PREFIX_LIMIT + 1)
    except OSError as error:
        raise InputError(f"cannot read {name or repr(name)}: {error.strerror}") from None
    if len(data) > PREFIX_LIMIT:
        raise InputError(
            f"{name}: a prefix may have {PREFIX_LIMIT // 10**6} MB, and the model reads the last {CONTEXT:,} characters"
            " of it; give the end alone"
        )
    return decode(data, name, encoding)[0] if data else ""
