"""The prompt loop: the user writes a piece, the model continues it, and the text so far is remembered."""

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TextIO, TypeVar

import numpy as np

from chargen.errors import InputError
from chargen.report.terminal import printable, unescaped
from chargen.sampling.decoder import DecoderState
from chargen.sampling.filters import SamplingSettings
from chargen.sampling.prompt import read_prompt
from chargen.sampling.sampler import Sampler
from chargen.sampling.stop_condition import StopCondition

HELP = """\
Write something, and the model continues it; an empty line lets it write more. It remembers the whole text.
  /temperature 0.7   /top-k 5   /top-p 0.9   /min-p 0.1   (without a number: the value at the start)
  /length 300        characters to write (without a number: about 500, and to the end of the sentence)
  /stop TEXT         end before TEXT (without TEXT: never)
  /seed 1            restart the random draws
  /reset             forget the text so far   /settings     show the settings
  /help              show this help           /quit         end (also Ctrl-D)
  Ctrl-C             interrupt the model"""

Number = TypeVar("Number", int, float)


@dataclass
class PromptLoop:
    """The text that the user and the model write in turns, and how the model writes.

    Attributes:
        sampler: the model.
        settings: how each character is drawn.
        length: characters that the model writes at a time; None for about 500, see `StopCondition`.
        seed: of the random draws.
        stop: texts before which the model ends.
        unknown: what to do with characters that the model does not know, see `Vocabulary.encode`.
        note: what was replaced or left out of the last line, see `read_prompt`.
    """

    sampler: Sampler
    settings: SamplingSettings
    length: int | None
    seed: int
    stop: tuple[str, ...]
    unknown: str

    def __post_init__(self):
        self._text = DecoderState(self.sampler)
        self._rng = np.random.default_rng(self.seed)
        self._settings_at_start = self.settings
        self.note = ""

    def answer(self, line: str) -> Iterator[str]:
        """Read a line, and yield what the model writes. Of an answer that is cut short, only what was yielded counts.

        Raises:
            InputError: the line has unknown characters.
        """
        ids, self.note = read_prompt(self.sampler.vocabulary, line, self.unknown)
        self._text.read(ids)
        condition = StopCondition(self.length, self.stop)
        marks = deque([self._text.mark()])  # where what was shown so far ends, and after each character since
        try:
            for piece in condition.cut(self._write(marks)):
                for _ in piece:
                    marks.popleft()
                yield piece
        finally:  # the model has also read what is not shown, such as a stop text or the beginning of one
            self._text.rewind(marks[0])

    def _write(self, marks: deque[tuple]) -> Iterator[str]:
        """Write, and mark the place after each character."""
        for character in self._text.write(self.settings, self._rng):
            marks.append(self._text.mark())
            yield character

    def run_command(self, line: str) -> str:
        """Run a command such as "/temperature 0.5"; return its answer.

        Raises:
            InputError: the command is unknown, or its value is wrong.
        """
        command, _, value = line[1:].partition(" ")
        name = command.replace("-", "_")
        if name in vars(self.settings):
            kind = int if name == "top_k" else float
            number: Any = _number(kind, value, name) if value else getattr(self._settings_at_start, name)
            self.settings = replace(self.settings, **{name: number})
        elif name == "length":
            self.length = _not_negative(value, name) if value else None
        elif name == "seed":
            self.seed = _not_negative(value, name)
            self._rng = np.random.default_rng(self.seed)
        elif name == "stop":
            self.stop = (unescaped(value),) if value else ()
        elif name == "reset":
            self._text.reset()
        elif name == "help":
            return HELP
        elif name != "settings":
            raise InputError(f"unknown command /{command}", "type /help for the list")
        return self._describe_settings()

    def _describe_settings(self) -> str:
        values = {_command(name).removeprefix("/"): value for name, value in vars(self.settings).items()}
        length = "to the end of a sentence" if self.length is None else self.length
        values |= {"length": length, "seed": self.seed, "stop": " ".join(map(repr, self.stop)) or None}
        return ", ".join(f"{name} {'off' if value is None else value}" for name, value in values.items())


def run(loop: PromptLoop, output: TextIO = sys.stdout, messages: TextIO = sys.stderr) -> None:
    """Read lines from standard input until it ends or /quit comes; texts go to `output`, all else to `messages`."""
    terminal = sys.stdin.isatty()
    if terminal:
        with contextlib.suppress(ImportError):  # gives input() a history of lines; Windows has none
            import readline  # noqa: F401
        print(HELP, file=messages)
    while True:
        try:
            if terminal and not output.isatty():  # where input() would write the prompt
                print("> ", end="", file=messages, flush=True)
            line = input("> " if terminal and output.isatty() else "")
            if line.strip() == "/quit":
                return
            if line.startswith("/"):
                print(loop.run_command(line), file=messages)
                continue
            for piece in loop.answer(line):
                if loop.note:
                    print(loop.note, file=messages)
                    loop.note = ""
                output.write(printable(piece, output))
                output.flush()
            print(file=output)
        except EOFError:
            return
        except KeyboardInterrupt:
            if not terminal:
                raise
            print(file=output)
        except InputError as error:
            print(f"chargen: {error.worded(_command)}", file=messages)


def _command(setting: str) -> str:
    """Return the command that changes a setting, or the name of one that none changes."""
    name = setting.replace("_", "-")
    return f"/{name}" if f"/{name} " in HELP else name


def _number(kind: Callable[[str], Number], value: str, setting: str) -> Number:
    try:
        return kind(value)
    except ValueError:
        raise InputError(f"{value!r}: must be a number", setting=setting) from None


def _not_negative(value: str, setting: str) -> int:
    number = _number(int, value, setting)
    if number < 0:
        raise InputError(f"{number}: must not be negative", setting=setting)
    return number
