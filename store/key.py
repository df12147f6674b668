"""The key that turns names into pseudonyms. It lives outside the bank, readable by its owner alone."""

from __future__ import annotations

import logging
import os
import secrets
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from .digests import keyed
from .errors import KeyMissingError, UsageError
from .files import OTHERS, write_private

KEY_BYTES = 32
_HEAD = "scanbank-key-1 "
_LOG = logging.getLogger("scanbank")


@dataclass(frozen=True)
class SecretKey:
    """32 random bytes. `id` may be shown and stored; the bytes may not."""

    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise UsageError(f"key holds {len(self.raw)} bytes; expected {KEY_BYTES}")

    @classmethod
    def new(cls) -> SecretKey:
        return cls(secrets.token_bytes(KEY_BYTES))

    @property
    def id(self) -> str:
        return keyed(self.raw, "key-id")

    def pseudonym(self, domain: str, *names: str | bytes) -> str:
        """The same 32 hex digits for the same names under this key, and no way back from them."""
        return keyed(self.raw, domain, *names)

    @classmethod
    def read(cls, path: Path) -> SecretKey:
        """The key in a file. One that others may read is warned of through `logging`: a line on stderr, unless that is set up.

        Raises:
            KeyMissingError: there is no file.
            UsageError: it holds no key.
        """
        try:
            text = path.read_text("ascii").strip()
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError as error:
            raise KeyMissingError(f"no key at {path}; bring the file from where the bank was made, or name it with --key-file") from error
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read as a key ({type(error).__name__})") from error
        try:
            key = cls(bytes.fromhex(text.removeprefix(_HEAD)))
        except ValueError as error:
            raise UsageError(f"{path} holds no scanbank key") from error
        if mode & OTHERS and os.name == "posix":
            _LOG.warning("warning: key %s may be read by others (mode %04o); run `chmod 600 %s`", path, mode, shlex.quote(str(path)))
        return key

    def write(self, path: Path) -> None:
        """Write with mode 0600. Raises FileExistsError rather than replace another key."""
        write_private(path, (_HEAD + self.raw.hex() + "\n").encode("ascii"))


def default_key_file(key_id: str) -> Path:
    """`$XDG_CONFIG_HOME/scanbank/keys/<id>.key`, by default under ~/.config."""
    return Path(platformdirs.user_config_path("scanbank")) / "keys" / f"{key_id}.key"


def find_key(key_id: str, key_file: Path | None) -> SecretKey:
    """The key of the bank that names `key_id`: from `key_file`, $SCANBANK_KEY_FILE, or the default folder.

    Raises:
        KeyMissingError: there is none.
        UsageError: the file holds another bank's key.
    """
    named = key_file or (Path(env) if (env := os.environ.get("SCANBANK_KEY_FILE")) else None)
    path = named or default_key_file(key_id)
    key = SecretKey.read(path)
    if key.id != key_id:
        raise UsageError(
            f"{path} holds key {key.id[:8]}…, but this bank was made with key {key_id[:8]}…; name the right file with --key-file"
        )
    return key
