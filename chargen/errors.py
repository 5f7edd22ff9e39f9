"""The errors that a person can cause. Every message is one line: the bad value, and what to do about it."""


class ChargenError(Exception):
    """Root of every error that chargen raises on purpose; ends the command with exit code 1, a runtime failure."""

    exit_code = 1


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
    """A file could not be written; what was saved before is as it was."""


class TrainingError(ChargenError):
    """Training cannot go on."""


class DownloadError(ChargenError):
    """A corpus could not be fetched, or what arrived is not what the registry promises."""
