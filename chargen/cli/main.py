"""The command line: the group of commands, and how it ends. Data goes to stdout, talk to stderr."""

import contextlib
import io
import os
import re
import sys
import warnings

import click

from chargen import __version__
from chargen.cli.commands import Formatter, Group, help_command
from chargen.cli.corpora import corpora
from chargen.cli.export import export
from chargen.cli.info import info
from chargen.cli.inspect import inspect
from chargen.cli.kept_runs import runs
from chargen.cli.sample import sample
from chargen.cli.score import score
from chargen.cli.series import series
from chargen.cli.train import train
from chargen.errors import ChargenError
from chargen.report.terminal import Escaping, Talk, fitted
from chargen.report.words import suggestion

OUT_OF_MEMORY = "out of memory; give a smaller network (--hidden-size), batch (--batch-size) or text at a time"


@click.group(
    cls=Group, context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 110}
)
@click.version_option(__version__, prog_name="chargen")
def cli():
    """Learn to write, one character at a time, in the style of any text.

    \b
    chargen train corpus.txt      learn from a text
    chargen sample the time       write on
    chargen series fit sales.csv  forecast numbers
    """


click.Context.formatter_class = Formatter
for command in (train, sample, score, inspect, info, runs, export, corpora, series, help_command):
    cli.add_command(command)


def main(args: list[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 a failure or a closed pipe, 2 bad usage or bad input, 130 for Ctrl-C."""
    for name, mode in (("stdin", "r"), ("stdout", "r"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the shell has closed it; who writes to stdout has to know that
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
        if isinstance(getattr(sys, name), io.TextIOWrapper):  # texts are UTF-8 wherever they come from and go
            getattr(sys, name).reconfigure(encoding="utf-8", errors="backslashreplace")
    warnings.formatwarning = lambda message, *_: fitted(f"note: {message}", sys.stderr) + "\n"
    with (
        contextlib.redirect_stdout(Escaping(sys.stdout)),
        contextlib.redirect_stderr(Talk(sys.stderr)),
    ):
        _run(args)


def _run(args: list[str] | None) -> None:
    try:
        os.getcwd()
    except OSError:
        _fail("the folder that you work in is gone; change to another one", 1)
    try:
        sys.exit(cli.main(args, prog_name="chargen", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context else ""
        _fail(_worded(error, context, sys.argv[1:] if args is None else args) + hint, error.exit_code)
    except (click.Abort, KeyboardInterrupt):  # an Abort is a RuntimeError too
        _fail("stopped", 130)
    except ChargenError as error:
        _fail(error.worded(_flag_of), error.exit_code)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        _fail("this needs PyTorch, which is not installed; get it with pip install torch", 1)
    except MemoryError:
        _fail(OUT_OF_MEMORY, 1)
    except (RuntimeError, ImportError) as error:  # of PyTorch, or of the system that could not load a library
        if not re.search("out of memory|allocate memory|failed to map|cannot apply additional", str(error)):
            raise
        _fail(OUT_OF_MEMORY, 1)
    except OSError as error:
        _fail(f"{error.filename or 'cannot write to standard output'}: {error.strerror or error}", 1)


def _worded(error: click.ClickException, context: click.Context | None, typed: list[str]) -> str:
    if isinstance(error, click.NoSuchOption) and context:
        if file := next((word for word in typed if word.startswith(error.option_name) and os.path.exists(word)), None):
            return f"{file}: a name that begins with - looks like an option; write it ./{file}"
        known = [name for option in context.command.params for name in option.opts if name.startswith("--")]
        return f"no option {error.option_name}; {suggestion(error.option_name, known)}"
    if isinstance(error, click.BadParameter) and error.param:
        return _worded_for(error.param, error)
    message = " ".join(error.format_message().split()).removesuffix(".")
    if context and (extra := re.fullmatch(r"Got unexpected extra arguments? \((.*)\)", message)):
        usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
        return f"{extra[1]}: more than it takes, which is {usage}"
    return message


def _worded_for(parameter: click.Parameter, error: click.BadParameter) -> str:
    """Return what is wrong with the value of an option or an argument, as the library would say it."""
    name = max(parameter.opts, key=len) if isinstance(parameter, click.Option) else parameter.human_readable_name
    choices = f"; choose one of {', '.join(parameter.type.choices)}" if isinstance(parameter.type, click.Choice) else ""
    if isinstance(error, click.MissingParameter):
        return f"{name} is missing{choices}"
    if choices:
        return f"{name} {re.split(' is not ', error.message)[0]}: unknown{choices}"
    message = error.message.removesuffix(".")
    return f"{name}: {message[0].lower()}{message[1:]}" if message[0].isupper() else f"{name} {message}"


def _flag_of(setting: str) -> str:
    """Return the option that gives a setting of the library, such as --batch-size for batch_size."""
    commands: list[click.Command] = [cli]
    for command in commands:  # which grows by the commands of each group
        commands += command.commands.values() if isinstance(command, click.Group) else []
        for parameter in command.params:
            if parameter.name == setting and isinstance(parameter, click.Option):
                return parameter.opts[0]
    return setting


def _fail(message: str, code: int) -> None:
    line = message.replace("\n", "\\n")
    with contextlib.suppress(OSError):  # there may be nobody left to tell
        click.echo(fitted(f"chargen: {line}", sys.stderr), err=True)
    sys.exit(code)
