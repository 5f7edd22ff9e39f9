"""The prompt loop: the user writes a piece, the model continues it, and the text so far is remembered."""

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO, TypeVar

import numpy as np

from chargen.errors import ChargenError, InputError
from chargen.files.atomic import write_atomically
from chargen.report.terminal import WordWrap, colours, fitted, printable, unescaped, width_of
from chargen.sampling.decoder import DecoderState
from chargen.sampling.filters import SamplingSettings
from chargen.sampling.prompt import read_prompt
from chargen.sampling.sampler import Sampler
from chargen.sampling.stop_condition import StopCondition

HELP = """\
Write something, and the model continues it.
An empty line lets it write more.
  /temperature 0.7   also /top-k 5, /top-p 0.9, /min-p 0.1; without a number: as at the start
  /length 300        characters to write; without a number: to the end of a sentence
  /stop TEXT         end before TEXT; without TEXT: never
  /seed 1            restart the random draws
  /retry             write the last answer again
  /undo              take back the last turn
  /show              show the text so far
  /save FILE         write it to a file
  /reset             forget the text so far
  /settings          show the settings
  /help              show this help
  /quit              end (also Ctrl-D)
  Ctrl-C             interrupt the model"""
MARGIN = 21  # columns before what a command does

BOLD = ("\x1b[1m", "\x1b[22m")
Number = TypeVar("Number", int, float)


@dataclass
class Turn:
    """What a person wrote and what the model wrote after it.

    Attributes:
        before: where the text stood, see `DecoderState.mark`.
        line: what was typed.
        read: what the model read of it.
        written: what the model wrote.
    """

    before: tuple
    line: str
    read: str
    written: str = ""


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
        turns: what was written so far.
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
        self.turns: list[Turn] = []
        self.note = ""
        self._saved_as: Path | None = None

    def answer(self, line: str) -> Iterator[str]:
        """Read a line, and yield what the model writes. Of an answer that is cut short, only what was yielded counts.

        Raises:
            InputError: the line has unknown characters.
        """
        ids, self.note = read_prompt(self.sampler.vocabulary, line, self.unknown)
        condition = StopCondition(self.length, self.stop)
        turn = Turn(self._text.mark(), line, self.sampler.vocabulary.decode(ids))
        self.turns.append(turn)
        self._text.read(ids)
        marks = deque([self._text.mark()])  # where what was shown so far ends, and after each character since
        try:
            for piece in condition.cut(self._write(marks)):
                for _ in piece:
                    marks.popleft()
                turn.written += piece
                yield piece
        finally:  # the model has also read what is not shown, such as a stop text or the beginning of one
            self._text.rewind(marks[0])

    def _write(self, marks: deque[tuple]) -> Iterator[str]:
        """Write, and mark the place after each character."""
        for (character,) in self._text.write(self.settings, [self._rng], most=1):
            marks.append(self._text.mark())
            yield character

    def retry(self) -> Iterator[str]:
        """Forget the last answer, and yield another one.

        Raises:
            InputError: there is none.
        """
        return self.answer(self._take_back().line)

    def _take_back(self) -> "Turn":
        if not self.turns:
            raise InputError("nothing is written yet", "write something first")
        turn = self.turns.pop()
        self._text.rewind(turn.before)
        return turn

    def _save(self, name: str) -> str:
        """Write the text so far to a file, which may replace only what was saved here."""
        path = Path(name)
        if not name or (path.exists() and path != self._saved_as):
            raise InputError(f"there is already a file {name}" if name else "no file is named", "type /save NEW-FILE")
        write_atomically(path, f"{self.text}\n".encode("utf-8", "replace"))
        self._saved_as = path
        return f"wrote {name}"

    @property
    def text(self) -> str:
        """All that was read and written."""
        return "".join(turn.read + turn.written for turn in self.turns)

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
            self.turns.clear()
        elif name == "undo":
            return f"took back {self._take_back().line!r} and what followed"
        elif name == "save":
            return self._save(value.strip())
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
    """Read lines from standard input until it ends or /quit comes; texts go to `output`, all else to `messages`.

    On a terminal, what the person writes is bold, and what the model writes is broken at words.
    """
    terminal, bold = sys.stdin.isatty(), ("", "")
    if terminal:
        with contextlib.suppress(ImportError):  # gives input() a history of lines; Windows has none
            import readline  # noqa: F401

            bold = BOLD if colours(output) else bold
        print(fitted(HELP, messages, MARGIN), file=messages)
    while True:
        try:
            if terminal and not output.isatty():  # where input() would write the prompt
                print("> ", end="", file=messages, flush=True)
            line = input(f"> {_unseen(bold[0])}" if terminal and output.isatty() else "")
            _trusted(output).write(bold[1])
            if line.strip() == "/quit":
                return
            if line.strip() == "/show":
                _show(loop, output, bold)
            elif line.startswith("/") and line.strip() != "/retry":
                answer = loop.run_command(line)
                print(fitted(answer, messages, MARGIN if answer == HELP else 0), file=messages)
            else:
                _write(loop, loop.retry() if line.strip() == "/retry" else loop.answer(line), output, messages)
        except EOFError:
            return
        except KeyboardInterrupt:
            if not terminal:
                raise
            _trusted(output).write(bold[1])
            print(file=output)
        except ChargenError as error:
            print(fitted(f"chargen: {error.worded(_command)}", messages), file=messages)


def _write(loop: PromptLoop, pieces: Iterator[str], output: TextIO, messages: TextIO) -> None:
    """Show an answer as it is written."""
    wrap = WordWrap(width_of(output))
    try:
        for piece in pieces:
            if loop.note:
                print(fitted(loop.note, messages), file=messages)
                loop.note = ""
            output.write(wrap.add(printable(piece, output)))
            output.flush()
    finally:
        output.write(wrap.rest())
    print(file=output)


def _show(loop: PromptLoop, output: TextIO, bold: tuple[str, str]) -> None:
    """Show the text so far, and who wrote what."""
    wrap = WordWrap(width_of(output))
    for turn in loop.turns:
        for text, (begin, end) in ((turn.read, bold), (turn.written, ("", ""))):
            _trusted(output).write(begin + wrap.add(printable(text, output)) + wrap.rest() + end)
    print(file=output)


def _trusted(output: TextIO) -> TextIO:
    """Return the stream that takes marks, see `Escaping`."""
    return getattr(output, "trusted", output)


def _unseen(mark: str) -> str:
    """Return a mark that readline does not count among the columns of a prompt."""
    return f"\x01{mark}\x02" if mark else ""


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
