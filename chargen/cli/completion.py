"""What the Tab key completes besides commands and options: files, and the names of runs, models and texts."""

import glob
import os
from collections.abc import Iterable

from click.shell_completion import CompletionItem


def complete_runs(_context, _parameter, incomplete: str) -> list[CompletionItem]:
    """Return the runs whose names begin so."""
    return [CompletionItem(name) for name in _runs() if name.startswith(incomplete)]


def complete_models(_context, _parameter, incomplete: str) -> list[CompletionItem]:
    """Return the runs, the bundled model, and the files whose names begin so."""
    from chargen.network.checkpoint import bundled_models

    return _names_and_files(incomplete, [*_runs(), *bundled_models()])


def complete_texts(_context, _parameter, incomplete: str) -> list[CompletionItem]:
    """Return the texts with a name and the files whose names begin so."""
    from chargen.text.registry import registry

    return _names_and_files(incomplete, registry())


def complete_files(_context, _parameter, incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell."""
    return [CompletionItem(incomplete, type="file")]


def _runs() -> list[str]:
    from chargen.network.checkpoint import runs_in

    return [folder.name for folder in reversed(runs_in())]


def _names_and_files(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    """Return names and files; shells complete files better by themselves, but not beside names of ours."""
    named = [name for name in names if name.startswith(incomplete)]
    if not named:
        return [CompletionItem(incomplete, type="file")]
    files = [f"{path}{os.sep}" if os.path.isdir(path) else path for path in glob.glob(f"{glob.escape(incomplete)}*")]
    return [CompletionItem(name) for name in dict.fromkeys([*named, *sorted(files)])]
