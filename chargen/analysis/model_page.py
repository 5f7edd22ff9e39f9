"""The page that runs a model in the browser: its weights and program, and what is told about it."""

import base64
import math
import re

import numpy as np

from chargen.analysis.hidden_units import Finding, inspect_text
from chargen.network.checkpoint import Checkpoint
from chargen.network.storage import pack
from chargen.report.page import asset, page
from chargen.report.words import counted
from chargen.sampling.sampler import Sampler
from chargen.text.vocabulary import Vocabulary

WORKER = ("network.js", "writer.js")
TYPOGRAPHIC = "‘’‚“”„‹›«»–—―…\u00a0'\"-"  # what keyboards and texts write where a model may know a kindred character
READ = 4_000  # characters of its own that a model reads, to find the units that follow something
FAINT = 0.2  # correlations below this are not worth showing
LICENCE = (
    "What the model writes may repeat passages of the text that it learned from, whose licence holds for them. The"
    " program in this page is part of chargen, under the MIT licence."
)


def model_page(checkpoint: Checkpoint, name: str) -> str:
    """Return an HTML page that writes with a model; its weights are stored in `checkpoint.bits`.

    The page holds the model's vocabulary, but no text that it learned from and no path.

    Args:
        name: of the model, the title of the page.

    Raises:
        InputError: the network reads in both directions, or a weight is too large for 16 bits.
    """
    sampler = Sampler(checkpoint)
    data = {
        "model": model_data(checkpoint),
        "units": checkpoint.config.num_layers * checkpoint.config.hidden_size,
        "findings": _findings(sampler),
        "intro": _intro(checkpoint),
        "about": _about(checkpoint),
        "worker": "".join(map(asset, WORKER)),
    }
    return page(name, "model", data, "editor")


def model_data(checkpoint: Checkpoint) -> dict:
    """Return what `assets/network.js` needs to know of a model, as plain JSON values."""
    config, vocabulary = checkpoint.config, checkpoint.vocabulary
    return {
        "cell": config.cell,
        "hidden_size": config.hidden_size,
        "num_layers": config.num_layers,
        "embedding_size": config.embedding_size,
        "characters": vocabulary.characters,
        "normalization": vocabulary.normalization,
        "substitutes": _substitutes(vocabulary),
        "tensors": {name: _tensor(array) for name, array in pack(checkpoint.weights, checkpoint.bits).items()},
    }


def _tensor(array: np.ndarray) -> dict:
    little_endian = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return {
        "type": array.dtype.name,
        "shape": array.shape,
        "base64": base64.b64encode(little_endian.tobytes()).decode("ascii"),
    }


def _substitutes(vocabulary: Vocabulary) -> dict[str, str]:
    return {stranger: near for stranger, near in vocabulary.substitutes(TYPOGRAPHIC).items() if near}


def _findings(sampler: Sampler) -> list[tuple[str, int]]:
    """Return labels and numbers of the units that follow features of what the model itself writes."""
    text = sampler.sample(length=READ)
    scored = [finding for finding in inspect_text(sampler, text, top=1).findings if finding.units]
    return [_finding(finding, sampler) for finding in scored if abs(finding.units[0].held_out) >= FAINT]


def _finding(finding: Finding, sampler: Sampler) -> tuple[str, int]:
    best = finding.units[0]
    return f"{finding.feature} ({best.held_out:+.2f})", best.layer * sampler.config.hidden_size + best.unit


def _intro(checkpoint: Checkpoint) -> str:
    config, provenance = checkpoint.config, checkpoint.provenance
    units = f"{counted(config.num_layers * config.hidden_size, f'{config.cell.upper()} unit')}"
    learned = f" from {provenance.corpus}" if provenance.corpus else ""
    return (
        f"A network of {units} that learned to write{learned}, one character at a time. It runs in this page: nothing"
        " that you write leaves it."
    )


def _about(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    """Return facts by name, those that are known."""
    config, provenance = checkpoint.config, checkpoint.provenance
    loss = provenance.reached and provenance.reached.valid_loss
    layers = f"{config.num_layers} layer{'s' * (config.num_layers > 1)} of {config.hidden_size:,} {config.cell.upper()}"
    weights = sum(array.size for array in checkpoint.weights.values())
    base = re.split(r"[/\\]", str(provenance.metadata.get("init_from") or "").rstrip("/\\"))[-1]
    learned = counted(provenance.train_characters, "character")
    facts = {
        "text": f"{provenance.corpus}, {learned}" if provenance.corpus else "",
        "bits per character on text that it has not seen": f"{loss / math.log(2):.3f}" if loss else "",
        "network": f"{layers} units, {weights:,} weights in {checkpoint.bits} bits",
        "knows": counted(len(checkpoint.vocabulary), "character") + _letters(checkpoint.vocabulary),
        "trained": provenance.saved[:10],
        "began from": base,
        "licence": LICENCE,
    }
    return [(name, fact) for name, fact in facts.items() if fact]


def _letters(vocabulary: Vocabulary) -> str:
    return {"none": "", "prose": "", "lower": ", in lower case", "letters": ": lower-case letters and spaces"}[
        vocabulary.normalization
    ]
