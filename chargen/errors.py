"""The errors that a user can cause. Each carries its parts as data; printed, it is one line."""

import re
from collections.abc import Callable


class ChargenError(Exception):
    """Root of every error that chargen raises on purpose; ends the command with exit code 1, a failure.

    The library names settings as its functions do (`batch_size`); the command line words the same error with its own
    names, see `worded`.

    Attributes:
        message: what is wrong, with the value.
        advice: what to do about it, "" where there is nothing to say. A setting stands in it in braces: "{batch_size}".
        setting: the name of the setting to blame, or None.

    >>> error = ChargenError("0: must be at least 1", "leave out {max_chars} too", setting="batch_size")
    >>> str(error)
    'batch_size 0: must be at least 1; leave out max_chars too'
    >>> error.worded(str.upper)
    'BATCH_SIZE 0: must be at least 1; leave out MAX_CHARS too'
    """

    exit_code = 1

    def __init__(self, message: str, advice: str = "", *, setting: str | None = None):
        super().__init__(message, advice, setting)
        self.message, self.advice, self.setting = message, advice, setting

    def __str__(self) -> str:
        return self.worded(str)

    def worded(self, name_of: Callable[[str], str]) -> str:
        """Return the error as one line, with `name_of` each setting in its place."""
        message = f"{name_of(self.setting)} {self.message}" if self.setting else self.message
        advice = with_names(self.advice, name_of)
        return f"{message}; {advice}" if advice else message


def with_names(advice: str, name_of: Callable[[str], str]) -> str:
    """Return advice with each setting, which stands in it in braces, as `name_of` names it."""
    return re.sub(r"\{(\w+)\}", lambda match: name_of(match[1]), advice)


class InputError(ChargenError):
    """A setting, a text, or a file that chargen cannot work with; ends the command with exit code 2."""

    exit_code = 2


class UnknownCharacterError(InputError):
    """A text holds characters that the vocabulary does not."""


class CheckpointError(InputError):
    """A file is not a checkpoint that this version of chargen can load."""


class DamagedError(CheckpointError):
    """A file was a checkpoint, and is no longer what was written."""


class SaveError(ChargenError):
    """A file could not be written; what was saved before is unchanged."""


class TrainingError(ChargenError):
    """Training cannot go on."""


class DownloadError(ChargenError):
    """A corpus could not be fetched, or what arrived is not what the registry promises."""
