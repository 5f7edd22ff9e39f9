"""`chargen export`."""

from pathlib import Path

import click

from chargen.cli.options import (
    checkpoint_option,
    load_model,
    overwrite_option,
    quiet_option,
    say,
    use_one_blas_thread,
)


@click.command()
@click.argument("out", type=click.Path(dir_okay=False))
@checkpoint_option
@click.option("--html", is_flag=True, help="Write a page that runs the model in a browser, without any network.")
@click.option(
    "--bits",
    type=click.Choice(["8", "16"]),
    default="8",
    help="Bits of each weight; 8 cost about 0.0001 bits per character, 16 even less.",
)
@overwrite_option
@quiet_option
def export(out: str, checkpoint: str | None, html: bool, bits: str, overwrite: bool):
    """Write a model to OUT, a smaller .safetensors file to pass on, or a web page that writes.

    Every command reads the smaller file as any other model. It cannot be resumed, but `train --init-from` begins
    with it.
    """
    if out.endswith(".html") and not html:
        raise click.UsageError(f"{out} is the name of a page; give --html too, or a name that ends in .safetensors")
    use_one_blas_thread()
    from dataclasses import replace

    from chargen.network.checkpoint import model_name
    from chargen.report.words import size

    path, model = load_model(checkpoint, out, overwrite)
    target = Path(out)
    finished = replace(model, provenance=replace(model.provenance, resume=None), resume={}, bits=int(bits))
    if html:
        from chargen.analysis.model_page import model_page
        from chargen.files.atomic import write_atomically

        write_atomically(target, model_page(finished, model_name(path)).encode("utf-8", "replace"))
        say(f"wrote {out}: {size(target.stat().st_size)}; open it in a browser")
        return
    finished.save(target)
    before, after = (size(file.stat().st_size) for file in (path, target))
    say(f"wrote {out}: {after}, in {bits} bits; before: {before}")
