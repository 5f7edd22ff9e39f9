"""A prompt loop: you write a piece, the model goes on, and neither forgets what was written before."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TextIO

import numpy as np

from chargen.console import printable
from chargen.drawing import SamplingSettings
from chargen.errors import InputError
from chargen.sampling import Ending, Sampler, Writing, until

HELP = """\
Write something, and the model goes on; an empty line lets it write more. It remembers all of it. Ctrl-C interrupts.
  /temperature 0.7   /top-k 5   /top-p 0.9   /min-p 0.1   (off: without a number)
  /length 300        characters to write      /stop TEXT    end before TEXT (off: without one)
  /seed 1            draw as from the start   /reset        forget what was written
  /settings          show them                /help         this text
  /quit              end (also Ctrl-D)"""


@dataclass
class Interaction:
    """What the loop keeps: the text that model and person write, and how the model is to write.

    Attributes:
        length: characters to write at a time.
        stop: end before any of these texts.
        unknown: what to do with characters that the model does not know, see `Vocabulary.encode`.
    """

    sampler: Sampler
    settings: SamplingSettings
    length: int
    seed: int
    stop: tuple[str, ...]
    unknown: str

    def __post_init__(self):
        self._text = Writing(self.sampler)
        self._rng = np.random.default_rng(self.seed)

    def answer(self, line: str) -> Iterator[str]:
        """Obey a line that begins with /, or else read it and go on writing; yield what is to be shown.

        Raises:
            InputError: the command is unknown, its value is wrong, or the line has unknown characters.
        """
        if line.startswith("/"):
            yield self._obey(*line[1:].partition(" ")[::2])
            return
        self._text.read(self.sampler.vocabulary.encode(line, self.unknown))
        pieces = self._text.write(self.length, self.settings, self._rng)
        yield from until(Ending(self.stop), pieces)

    def _obey(self, command: str, value: str) -> str:
        """Carry a command out; return what it has to say."""
        if command in ("temperature", "top-k", "top-p", "min-p"):
            name, kind = command.replace("-", "_"), int if command == "top-k" else float
            number = _number(kind, value, command) if value else getattr(SamplingSettings(), name)
            self.settings = replace(self.settings, **{name: number})
        elif command == "length":
            self.length = _number(int, value, command)
        elif command == "seed":
            self.seed = _number(int, value, command)
            self._rng = np.random.default_rng(self.seed)
        elif command == "stop":
            self.stop = (value,) if value else ()
        elif command == "reset":
            self._text.forget()
        elif command == "help":
            return HELP
        elif command != "settings":
            raise InputError(f"unknown command /{command}; /help lists what there is")
        drawing = {name.replace("_", "-"): value for name, value in vars(self.settings).items()}
        drawing |= {"length": self.length, "seed": self.seed, "stop": " ".join(map(repr, self.stop)) or None}
        return ", ".join(f"{name} {'off' if value is None else value}" for name, value in drawing.items())


def converse(interaction: Interaction, shown: TextIO = sys.stdout, told: TextIO = sys.stderr) -> None:
    """Read lines from standard input until it ends or /quit comes; write to `shown`, and what goes wrong to `told`."""
    terminal = sys.stdin.isatty()
    if terminal:
        import contextlib

        with contextlib.suppress(ImportError):  # Windows has none; where there is one, input() keeps a history by it
            import readline  # noqa: F401
        print(HELP, file=told)
    while True:
        try:
            line = input("> " if terminal else "")
        except EOFError:
            return
        except KeyboardInterrupt:
            print(file=told)
            continue
        if line.strip() == "/quit":
            return
        try:
            for piece in interaction.answer(line):
                shown.write(printable(piece, shown))
                shown.flush()
        except KeyboardInterrupt:
            pass
        except InputError as error:
            print(f"chargen: {error}", file=told)
            continue
        print(file=shown)


def _number(kind: type, value: str, command: str):
    try:
        number = kind(value)
    except ValueError:
        raise InputError(f"/{command} {value!r}: give a number") from None
    if command in ("length", "seed") and number < 0:
        raise InputError(f"/{command} {value}: must not be negative")
    return number
