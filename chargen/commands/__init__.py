"""The commands: each reads its options, calls one function, and shows the result. Heavy imports wait for the call."""

import click

positive = click.IntRange(min=1)
not_negative = click.IntRange(min=0)
fraction = click.FloatRange(0, 1, max_open=True)

checkpoint_option = click.option(
    "--checkpoint",
    help="A .safetensors file, or the name of a run.  [default: the newest run in ./checkpoints]",
    show_default=False,
)
unknown_option = click.option(
    "--unknown",
    type=click.Choice(["error", "skip", "replace"]),
    default="error",
    help="What to do with characters that a model has never seen.",
)


def corpus_options(command):
    """The options that say how a text is read."""
    for option in (
        click.option(
            "--valid-fraction",
            type=fraction,
            default=0.1,
            help="Share of the text, at its end, held out for validation.",
        ),
        click.option(
            "--normalize",
            "normalization",
            type=click.Choice(["none", "lower", "letters"]),
            help="Prepare the text: lower case, or only letters and single spaces.  [default: none]",
        ),
        click.option("--encoding", default="utf-8", help="How the text's bytes are to be read."),
    ):
        command = option(command)
    return command
