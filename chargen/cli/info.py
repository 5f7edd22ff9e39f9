"""`chargen info`."""

import json

import click

from chargen.cli.completion import complete_models
from chargen.cli.options import files_of, overwrite_option, refuse_with, require_output
from chargen.cli.table_options import SUFFIX


@click.command()
@click.argument("model", required=False, shell_complete=complete_models)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--digest", is_flag=True, help="Print only a SHA-256 of what was learned; equal models have the same.")
@click.option("--machine", is_flag=True, help="Show what training and sampling run on here instead.")
@click.option("--plot", type=click.Path(dir_okay=False), help="Plot the losses of the run as a PNG here instead.")
@overwrite_option
@click.pass_context
def info(
    context: click.Context,
    model: str | None,
    as_json: bool,
    digest: bool,
    machine: bool,
    plot: str | None,
    overwrite: bool,
):
    """Show the settings and results of a model.

    MODEL is a .safetensors file, a forecaster's too, or the name of a run; without it, the newest run is shown.
    """
    from chargen.cli.facts import show_facts, show_forecaster, show_model

    if machine:
        refuse_with(context, "--machine", "model", "as_json", "digest", "plot")
        show_facts(machine_facts())
        return
    from dataclasses import asdict

    from chargen.errors import InputError
    from chargen.network.checkpoint import Checkpoint, find
    from chargen.report.plots import save_losses
    from chargen.training.records import read_history
    from chargen.training.run_folder import HISTORY

    if plot and as_json:
        raise click.UsageError("--plot and --json cannot be combined; leave one of them out")
    if digest:
        refuse_with(context, "--digest", "as_json", "plot")
    path = find(model)
    require_output(plot, overwrite, *files_of(path))
    if path.name.endswith(SUFFIX) and not (plot or as_json or digest):
        show_forecaster(path)
        return
    loaded = Checkpoint.load(path)
    if digest:
        click.echo(loaded.digest)
        return
    if plot:
        baselines = loaded.provenance.metadata.get("baselines")
        history = read_history(path.with_name(HISTORY))
        if not history:
            raise InputError(f"{path.parent}: no epoch has finished yet", "wait for the first one, or train for longer")
        save_losses([asdict(record) for record in history], plot, baselines)
        return
    facts = {
        "checkpoint": str(path),
        "parameters": sum(array.size for array in loaded.weights.values()),
        "bits_per_weight": loaded.bits,
        "input": f"embedding of {loaded.config.embedding_size}" if loaded.config.embedding_size else "one-hot",
        **asdict(loaded.config),
        **asdict(loaded.vocabulary),
        **loaded.provenance.to_json(),
    }
    if as_json:
        click.echo(json.dumps(facts))
        return
    show_model(path, loaded)


def machine_facts() -> dict[str, str]:
    """Return what training and sampling run on here, by name."""
    import os
    import platform
    from importlib import metadata

    from chargen import __version__
    from chargen.network.native import library

    kernels = ", ".join(filter(None, map(library.path, ("bfloat16", "float32"))))
    return {
        "chargen": __version__,
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "native kernels": kernels or "not built, or switched off by CHARGEN_NATIVE",
        "training": "native kernels or PyTorch's layers, the faster ones" if kernels else "PyTorch's layers",
        **{name: metadata.version(name) for name in ("torch", "numpy")},
        "python": f"{platform.python_version()} on {platform.system()}",
    }


def _processor() -> str:
    """Return the name of the processor, as far as this system tells."""
    import platform
    from contextlib import suppress
    from pathlib import Path

    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
