"""`chargen export`."""

from pathlib import Path

import click

from chargen.cli.options import checkpoint_option, files_of, require_output


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@checkpoint_option
@click.option(
    "--bits",
    type=click.Choice(["8", "16"]),
    default="8",
    help="Bits of each weight; 8 cost about 0.0001 bits per character, 16 even less.",
)
def export(out: Path, checkpoint: str | None, bits: str):
    """Write a model to OUT, a smaller .safetensors file to pass on.

    Every command reads it as any other model. It cannot be resumed, but `chargen train --init-from` starts from it.
    """
    from dataclasses import replace

    from chargen.network.checkpoint import Checkpoint, find

    path = find(checkpoint)
    require_output(out, *files_of(path))
    if checkpoint is None:
        click.echo(f"exporting {path}", err=True)
    model = Checkpoint.load(path)
    finished = replace(model.provenance, resume=None)
    replace(model, provenance=finished, resume={}, bits=int(bits)).save(out)
    before, after = (file.stat().st_size / 1e6 for file in (path, out))
    click.echo(f"wrote {out}: {after:.1f} MB, in {bits} bits; before: {before:.1f} MB", err=True)
