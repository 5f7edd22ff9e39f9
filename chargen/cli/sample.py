"""`chargen sample`."""

import json
import sys
from dataclasses import asdict, replace

import click

from chargen.cli.commands import Command, Decimal, Whole, not_negative, positive
from chargen.cli.completion import complete_texts
from chargen.cli.options import checkpoint_option, load_model, quiet_option, refuse_with, say, unknown_option
from chargen.errors import InputError
from chargen.report.terminal import unescaped

share = Decimal(0, 1, min_open=True)
GROUPS = {
    "Everyday": ("checkpoint", "temperature", "length", "sentences", "lines", "num_samples", "seed", "interactive"),
    "Which characters": (
        *("temperatures", "top_k", "top_p", "min_p", "known_words", "greedy", "beam", "hold", "unknown"),
    ),
    "Which texts": ("stop", "best_of", "only_new", "audit"),
    "In and out": ("prefix_file", "encoding", "no_prefix", "as_json", "quiet"),
}
PREFIX_LIMIT = 100_000_000  # bytes of a prefix from a file or standard input


@click.command(cls=Command, groups=GROUPS)
@click.argument("prefix", nargs=-1)
@click.option("--prefix-file", type=click.Path(), help="Read the prefix from this file; - (or PREFIX -) reads stdin.")
@click.option("--encoding", help="Encoding of the prefix file, or of the CORPUS to audit.")
@checkpoint_option
@click.option(
    "--length",
    type=not_negative,
    help="Number of characters to write.  [default: about 500, and to the end of the sentence]",
    show_default=False,
)
@click.option(
    "--temperature",
    type=Decimal(0),
    default=0.8,
    help="Below 1 is safer, above 1 wilder; 0 always takes the most likely character.",
)
@click.option(
    "--temperatures",
    metavar="0.3,0.7,1.0",
    callback=lambda context, option, value: None if value is None else _numbers(context, option, value),
    help="Write with each of these temperatures in turn.",
)
@click.option("--top-k", type=positive, help="Sample from the k most likely characters.")
@click.option("--top-p", type=share, help="Sample from the smallest set of characters whose probabilities sum to p.")
@click.option(
    "--min-p",
    type=Decimal(0, 1),
    default=0.05,
    help="Sample from the characters at least p times as likely as the likeliest; 0 for all.",
)
@click.option("--known-words", is_flag=True, help="Write only words of the texts that the model learned from.")
@click.option("--greedy", is_flag=True, help="Always take the most likely character; the same as --temperature 0.")
@click.option(
    "--beam", type=Whole(1, 1000), help="Find the most likely text by beam search of this width; draw nothing."
)
@click.option(
    "--seed",
    type=Whole(0, 2**32 - 1),
    help="The same seed writes the same text.  [default: a new one each time]",
    show_default=False,
)
@click.option(
    "--hold",
    metavar="UNIT=VALUE",
    multiple=True,
    help="Hold a hidden unit at a value from -1 to 1 while the model writes; see chargen inspect.",
)
@click.option("--num-samples", type=Whole(1, 1_000_000), default=1, help="Number of texts to write.")
@click.option(
    "--best-of", type=positive, help="Write this many texts, and show those of the highest probability per character."
)
@click.option("--only-new", is_flag=True, help="Show only lines that are not lines of the model's training text.")
@click.option(
    "--stop",
    multiple=True,
    callback=lambda _context, _option, texts: tuple(map(unescaped, texts)),
    help="End a text before this would appear in it, such as \\n\\n; may be given several times.",
)
@click.option("--lines", type=positive, help="End a text after this number of lines.")
@click.option("--sentences", type=positive, help="End a text after this number of sentences.")
@click.option("--no-prefix", is_flag=True, help="Print only what the model writes.")
@unknown_option("replace")
@click.option(
    "--audit",
    metavar="[CORPUS]",
    shell_complete=complete_texts,
    is_flag=False,
    flag_value="",
    help="Report what is copied from the model's training text, or from CORPUS; a terminal highlights it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print each text as a JSON object on a line of its own.")
@click.option("--interactive", is_flag=True, help="Take turns: you write a piece, the model continues it.")
@quiet_option
@click.pass_context
def sample(
    context,
    prefix,
    prefix_file,
    encoding,
    checkpoint,
    unknown,
    seed,
    hold,
    known_words,
    temperatures,
    only_new,
    audit,
    as_json,
    interactive,
    no_prefix,
    **options,
):
    """Continue PREFIX.

    Several words need no quotation marks. Without PREFIX, begin as after an empty line or the end of a line.
    """
    from chargen.cli.texts import audited, copy_scan, new_lines, show, training_text, write
    from chargen.sampling import held_units
    from chargen.sampling.filters import SamplingSettings
    from chargen.sampling.prompt import read_prompt
    from chargen.sampling.sampler import Sampler

    prefix = " ".join(prefix)
    filters = {name: options.pop(name) for name in vars(SamplingSettings())}
    _refuse_combinations(context, *filters)
    if encoding and not (prefix_file or prefix == "-" or audit or only_new):
        raise click.UsageError("--encoding is that of a file: of --prefix-file, - or --audit CORPUS; give one of them")
    _, model = load_model(checkpoint, None, False)
    sampler = Sampler(model)
    sampler.held = held_units.parse_all(hold, model.config)
    if known_words:
        sampler.keep_to_known_words()
    settings = SamplingSettings(temperature=0) if options.pop("greedy") else SamplingSettings(**filters)
    if not options["beam"]:
        seed = _chosen_seed(seed)
    if interactive:
        from chargen.sampling.prompt_loop import PromptLoop, run

        run(PromptLoop(sampler, settings, options["length"], seed, options["stop"], unknown))
        return
    scan = None if audit is None else copy_scan(model, audit, encoding, prefix)
    prefix = _read_prefix(prefix, prefix_file, encoding or "utf-8")
    ids, note = read_prompt(sampler.vocabulary, prefix, unknown)
    if note:
        say(note)
    prefix = sampler.vocabulary.decode(ids)
    if only_new:
        texts = new_lines(sampler, prefix, settings, seed, training_text(model, None, encoding), **options)
        prefix, no_prefix = "", True  # which is part of a line
    else:
        ladder = [replace(settings, temperature=one) for one in temperatures or (settings.temperature,)]
        texts = (text for rung in ladder for text in write(sampler, prefix, rung, seed, **options))
    rungs = [{"temperature": one} for one in temperatures or () for _ in range(options["num_samples"])]
    for number, (pieces, copied) in enumerate(audited(texts, prefix, scan)):
        given = {} if no_prefix else {"prefix": prefix}
        rung = rungs[number] if temperatures else {}
        if as_json:
            drawn = {} if options["beam"] else {"seed": seed, "number": number % options["num_samples"]}
            found = {"copied": asdict(copied)} if copied else {}
            click.echo(json.dumps(given | {"text": "".join(pieces)} | drawn | rung | found, ensure_ascii=False))
        else:
            title = f"--- temperature {rung['temperature']:g}\n" if rung else "---\n" * (number > 0 and not only_new)
            show(title, given.get("prefix", ""), pieces, copied)


def _refuse_combinations(context: click.Context, *filters: str) -> None:
    """Raise UsageError if an option was given that has no effect beside another one."""
    useless = {
        "interactive": (
            "prefix",
            "prefix_file",
            "encoding",
            "beam",
            "num_samples",
            "audit",
            "as_json",
            "lines",
            "sentences",
            "no_prefix",
            "temperatures",
            "best_of",
            "only_new",
        ),
        "beam": ("num_samples", "greedy", "hold", "temperatures", "best_of", "only_new", *filters),
        "greedy": ("temperatures", *filters),
        "temperatures": ("temperature", "only_new"),
        "only_new": ("best_of", "audit"),
    }
    for option, others in useless.items():
        if context.params[option]:
            refuse_with(context, f"--{option.replace('_', '-')}", *others)
    if context.params["beam"] and context.params["seed"] is not None:
        raise click.UsageError("--beam is not random, so it takes no --seed")
    if (best_of := context.params["best_of"]) and best_of < context.params["num_samples"]:
        raise click.UsageError(f"--best-of {best_of}: must be at least --num-samples {context.params['num_samples']}")


def _chosen_seed(seed: int | None) -> int:
    """Return the seed, or where there is none a new one, and say which."""
    import secrets

    if seed is None:
        seed = secrets.randbelow(1_000_000)
        say(f"seed {seed} (repeat with --seed {seed})")
    return seed


def _numbers(context: click.Context, option: click.Parameter, value: str) -> tuple[float, ...]:
    """Return the temperatures of a list such as "0.3,0.7,1.0"."""
    return tuple(Decimal(0).convert(part.strip(), option, context) for part in value.split(","))


def _read_prefix(prefix: str, file: str | None, encoding: str) -> str:
    """Return the prefix itself, or what standard input or a file holds."""
    from chargen.sampling.decoder import CONTEXT
    from chargen.text.decoding import decode

    if file is not None and prefix:
        raise click.UsageError("PREFIX and --prefix-file cannot be combined; leave one of them out")
    if file is None and prefix != "-":
        if byte := next((character for character in prefix if "\udc80" <= character <= "\udcff"), None):
            raise InputError(
                f"PREFIX is not utf-8: it has the byte 0x{ord(byte) & 0xFF:02x}",
                "write it to a file, and give that as --prefix-file with its {encoding}",
            )
        return prefix
    path = None if file in (None, "-") else file
    name = "standard input" if path is None else path or "''"
    try:
        with sys.stdin.buffer if path is None else open(path, "rb") as source:
            data = source.read(PREFIX_LIMIT + 1)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from None
    if len(data) > PREFIX_LIMIT:
        raise InputError(
            f"{name}: longer than {PREFIX_LIMIT // 10**6} MB",
            f"give only its end, because the model reads the last {CONTEXT:,} characters of a prefix",
        )
    return decode(data, name, encoding)[0] if data else ""
