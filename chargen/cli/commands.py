"""Commands as this command line wants them: help in groups, names that suggest the nearest, plain words for numbers."""

import math
from collections.abc import Mapping, Sequence

import click

from chargen.report.words import suggestion


class Command(click.Command):
    """A command whose help shows its options in groups."""

    def __init__(self, *arguments, groups: Mapping[str, Sequence[str]], **options):
        """Make a command.

        Args:
            groups: the names of the parameters in each group, by its title.
        """
        super().__init__(*arguments, **options)
        self.groups = groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options group by group."""
        options = {option.name: option for option in self.get_params(ctx) if isinstance(option, click.Option)}
        groups = {title: [options.pop(name) for name in names] for title, names in self.groups.items()}
        groups["Other"] = list(options.values())
        for title, members in groups.items():
            with formatter.section(title):
                formatter.write_dl([record for option in members if (record := option.get_help_record(ctx))])


class Formatter(click.HelpFormatter):
    """Help whose first column leaves most of a narrow terminal to the second one."""

    def write_dl(self, rows, col_max: int = 30, col_spacing: int = 2) -> None:
        """Write a list of terms and what they mean."""
        super().write_dl(rows, min(col_max, self.width // 3), col_spacing)


class Group(click.Group):
    """A group of commands in the order that they were added, which suggests the nearest one."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with a whole sentence."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(limit=1000)) for name, one in self.commands.items()])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]):
        """Return the command that the arguments begin with."""
        name = args[0]
        if not (self.get_command(ctx, name) or name.startswith("-") or ctx.resilient_parsing):
            raise click.UsageError(f"no command {name!r}; {suggestion(name, self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)


MANY = 10**12  # more than anybody means, and few enough to count with
UNLIMITED = 10**9  # from which on nobody cares what the largest number is


class Whole(click.IntRange):
    """A whole number in a range."""

    name = "n"

    def convert(self, value, param, ctx):
        """Return the number."""
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        return _within(self, number, value, param, ctx)

    def _describe_range(self) -> str:
        return f"x>={self.min}" if (self.max or 0) >= UNLIMITED else super()._describe_range()


class Decimal(click.FloatRange):
    """A number in a range."""

    name = "x"

    def convert(self, value, param, ctx):
        """Return the number."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return _within(self, number, value, param, ctx)

    def _describe_range(self) -> str:
        return "" if self.min is None and self.max is None else super()._describe_range()


def _within(kind: click.IntRange | click.FloatRange, number: float, typed, param, ctx) -> float:
    """Return a number if it is in the range of an option."""
    low, high = kind.min, kind.max
    too_low = low is not None and (number <= low if kind.min_open else number < low)
    too_high = high is not None and (number >= high if kind.max_open else number > high)
    if too_low or too_high:
        wanted = [] if low is None else [f"{'above' if kind.min_open else 'at least'} {low:,}"]
        if high is not None and (too_high or high < UNLIMITED):
            wanted.append(f"{'below' if kind.max_open else 'at most'} {high:,}")
        kind.fail(f"{typed}: must be {' and '.join(wanted)}", param, ctx)
    return number


positive = Whole(1, MANY)
not_negative = Whole(0, MANY)
fraction = Decimal(0, 1, max_open=True)


@click.command("help")
@click.argument("command", nargs=-1)
@click.pass_context
def help_command(context: click.Context, command: tuple[str, ...]):
    """Show the help of COMMAND."""
    here = context.find_root()
    for word in command:
        if not isinstance(here.command, click.Group):
            raise click.UsageError(f"{here.command_path} has no commands; leave out {word!r}", here)
        name, found, _ = here.command.resolve_command(here, [word])
        assert found is not None
        here = click.Context(found, info_name=name, parent=here)
    click.echo(here.get_help())
