"""A prompt loop: you write a piece, the model goes on, and neither forgets what was written before."""

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TextIO

import numpy as np

from chargen.errors import InputError
from chargen.report.terminal import printable
from chargen.sampling.filters import SamplingSettings
from chargen.sampling.sampler import Sampler, Writing, make_ending, until

HELP = """\
Write something, and the model goes on; an empty line lets it write more. It remembers all of it. Ctrl-C interrupts.
  /temperature 0.7   /top-k 5   /top-p 0.9   /min-p 0.1   (as at first: without a number)
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
        self._begun_with = self.settings

    def answer(self, line: str) -> Iterator[str]:
        """Read a line, and yield what the model goes on with. What was not yielded, it has not written.

        Raises:
            InputError: the line has unknown characters.
        """
        self._text.read(self.sampler.vocabulary.encode(line, self.unknown))
        ending = make_ending(self.length, self.stop, None)
        marks = deque([(0, self._text.mark())], maxlen=max(map(len, self.stop), default=0) + 2)
        shown = 0
        try:
            for piece in until(ending, self._noting(marks)):
                shown += len(piece)
                yield piece
        finally:  # a stop text, or what might have become one, was read by the model and is not shown
            self._text.rewind(next(mark for written, mark in marks if written == shown))

    def _noting(self, marks: deque) -> Iterator[str]:
        """Write, and note how to come back to where the text is after each character."""
        for written, character in enumerate(self._text.write(self.length, self.settings, self._rng), 1):
            marks.append((written, self._text.mark()))
            yield character

    def obey(self, line: str) -> str:
        """Carry out a command, such as "/temperature 0.5"; return what it has to say.

        Raises:
            InputError: the command is unknown, or its value is wrong.
        """
        command, _, value = line[1:].partition(" ")
        if command in ("temperature", "top-k", "top-p", "min-p"):
            name, kind = command.replace("-", "_"), int if command == "top-k" else float
            number = _number(kind, value, command) if value else getattr(self._begun_with, name)
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
            if terminal and not shown.isatty():  # where input() would write the prompt
                print("> ", end="", file=told, flush=True)
            line = input("> " if terminal and shown.isatty() else "")
            if line.strip() == "/quit":
                return
            if line.startswith("/"):
                print(interaction.obey(line), file=told)
                continue
            for piece in interaction.answer(line):
                shown.write(printable(piece, shown))
                shown.flush()
            print(file=shown)
        except EOFError:
            return
        except KeyboardInterrupt:
            if not terminal:
                raise
            print(file=shown)
        except InputError as error:
            print(f"chargen: {error}", file=told)


def _number(kind: type, value: str, command: str):
    try:
        number = kind(value)
    except ValueError:
        raise InputError(f"/{command} {value!r}: give a number") from None
    if command in ("length", "seed") and number < 0:
        raise InputError(f"/{command} {value}: must not be negative")
    return number
