"""The text that a model learned, read again so that samples can be compared with it."""

from collections.abc import Sequence

from chargen.errors import InputError
from chargen.network.provenance import Provenance
from chargen.text.corpus import Corpus, Origin, load_corpus, read_corpus
from chargen.text.sources import require_at_hand

NAME_IT = "name the text to compare with, {audit} CORPUS"


def training_corpus(
    provenance: Provenance, normalization: str, source: str | None = None, encoding: str | None = None
) -> Corpus:
    """Return the corpus whose training part a model's samples are compared with.

    Args:
        provenance: of the checkpoint; it records where the text lies.
        normalization: that of the model's vocabulary.
        source: a text to read in place of the recorded one, all of it, see `chargen.load_corpus`.
        encoding: of `source`; None for the recorded one.

    Raises:
        InputError: no text is recorded, or it cannot be read, or it has changed since.
        DownloadError: the text could not be downloaded.
    """
    origin = provenance.origin or Origin()  # older checkpoints have none
    if source is not None:
        encoding = encoding or origin.encoding
        return load_corpus(source, encoding=encoding, normalization=normalization, valid_fraction=0)
    if origin.source is None:
        text = provenance.corpus or "not even its name"
        raise InputError(f"the model does not record where its training text lies ({text})", NAME_IT)
    return _recorded(origin.source, origin, provenance.corpus_sha256)


def _recorded(source: str | list[str], origin: Origin, sha256: str) -> Corpus:
    try:
        require_at_hand(source)
        corpus = read_corpus(source, origin)
    except InputError as error:
        raise InputError(f"the training text cannot be read: {error.message}", NAME_IT) from None
    if corpus.sha256 != sha256:
        raise InputError(
            f"{_named(source)} is not the text that the model learned"
            f" (SHA-256 {corpus.sha256[:12]}..., not {sha256[:12]}...)",
            f"restore the old text, or {NAME_IT}",
        )
    return corpus


def _named(source: str | Sequence[str]) -> str:
    return source if isinstance(source, str) else ", ".join(source)
