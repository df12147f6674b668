"""One error tree: every leaf also inherits the builtin that a caller would expect to catch.

A message names the thing, what was expected, what was found and the way out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LISTED = 20
"""A message lists no more names than this; of more, the nearest."""


class ScanbankError(Exception):
    """Base of everything scanbank raises on purpose. `exit_code` is what a command ends with."""

    exit_code = 1


class UsageError(ScanbankError, ValueError):
    """The call itself is wrong: an unknown name, a bad option, a table that cannot be understood."""

    exit_code = 2


class UnknownNameError(UsageError, KeyError):
    """A name that is not among those known; the message suggests the nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        names = sorted(known)
        by_lower = {n.lower(): n for n in names}
        meant = next((by_lower[n] for n in difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)), None)
        listed = ", ".join(names)
        if len(names) > _LISTED:
            near = difflib.get_close_matches(name.lower(), by_lower, n=5, cutoff=0.3) or sorted(by_lower)[:5]
            listed = f"{', '.join(by_lower[n] for n in near)} or {len(names) - len(near)} others"
        text = f"{kind} {name!r} is unknown"
        if names:
            text += f"; did you mean {meant!r}? Choose one of: {listed}" if meant else f"; choose one of: {listed}"
        elif not hint:
            text += "; there are none to choose from"
        super().__init__(text + (f". {hint}" if hint else ""))

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return str(self.args[0])


class NotABankError(UsageError, FileNotFoundError):
    """The path holds no bank."""


class BankFormatError(UsageError):
    """The bank is of a format this code does not read."""


class BankExistsError(UsageError, FileExistsError):
    """A bank, or something else, is already there."""


class BankLockedError(ScanbankError, TimeoutError):
    """Another process holds the writer's lock."""


class BankConflictError(ScanbankError, RuntimeError):
    """On an object store, another process committed first."""


class BankAccessError(ScanbankError, PermissionError):
    """The file system refused: no permission, read-only, or no space."""


class BankDamagedError(ScanbankError, OSError):
    """A file of a bank is missing or does not hold what was committed."""


class SnapshotGoneError(ScanbankError, FileNotFoundError):
    """What a reader has open was forgotten or compacted away meanwhile; the newest snapshot is sound."""

    def __init__(self, name: str, snapshot: str) -> None:
        super().__init__(f"snapshot {snapshot} of {name} was forgotten or compacted meanwhile; open the bank again")


class KeyMissingError(ScanbankError, FileNotFoundError):
    """The key of a bank, kept outside it, is not where it was looked for."""


class MapMissingError(ScanbankError, FileNotFoundError):
    """The local map of a bank, kept outside it, knows none of the files that voxels must be read from."""


class ReadError(ScanbankError, ValueError):
    """A scan cannot be read. Costs that scan only; the reason goes to the table `failures`."""


class SourceChangedError(ReadError):
    """A file is not the one that was ingested: size or time differ."""


class ViewError(ScanbankError, ValueError):
    """A view asks of a scan what it does not have, such as HU of an 8-bit image."""


class EncoderError(ScanbankError, ValueError):
    """An encoder cannot do what is asked, or its weights are not there."""


class TableError(UsageError):
    """A table of labels or reports cannot be understood as a whole."""


class ExchangeError(UsageError):
    """Vectors made elsewhere cannot be taken in as they are, or a feature set cannot be written out as asked."""


class QueryError(UsageError):
    """A SQL query was refused or failed."""
