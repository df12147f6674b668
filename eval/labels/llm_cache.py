"""Answers that came, kept on this machine: a report that was answered once is not sent again. Digests and answers, no text."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

import platformdirs

from ...store.errors import BankAccessError
from ...store.files import private_folder

_LAYOUT = """
CREATE TABLE IF NOT EXISTS answers (
    report TEXT NOT NULL, prompt TEXT NOT NULL, model TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (report, prompt, model)
) WITHOUT ROWID;
"""


def cache_file() -> Path:
    """`$XDG_CACHE_HOME/scanbank/llm-answers.sqlite`, by default under ~/.cache."""
    return Path(platformdirs.user_cache_path("scanbank")) / "llm-answers.sqlite"


def report_digest(text: str) -> str:
    """The sha256 of a report's text, as hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@final
class AnswerCache:
    """Answers to one prompt by one model, in a SQLite file that its owner alone can read. Each is a transaction; deleting it is safe."""

    def __init__(self, path: Path, connection: sqlite3.Connection, prompt: str, model: str) -> None:
        self.path = path
        self._db, self._prompt, self._model = connection, prompt, model

    @classmethod
    def open(cls, prompt: str, model: str, path: Path | None = None) -> AnswerCache:
        """Raises BankAccessError where the file cannot be made or is damaged."""
        path = path or cache_file()
        try:
            private_folder(path.parent)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(path, timeout=60)
            try:
                connection.execute("PRAGMA journal_mode=TRUNCATE")
                connection.executescript(_LAYOUT)
            except BaseException:
                connection.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise _failed(path, error) from error
        return cls(path, connection, prompt, model)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._db.close()

    def get(self, reports: Iterable[str], names: Sequence[str]) -> dict[str, dict[str, bool]]:
        """Whether each finding is present, by digest of the report; of reports that were answered."""
        query = "SELECT answer FROM answers WHERE report = ? AND prompt = ? AND model = ?"
        found: dict[str, dict[str, bool]] = {}
        try:
            for report in reports:
                row = self._db.execute(query, (report, self._prompt, self._model)).fetchone()
                if row is not None and (answer := _answer(row[0], names)) is not None:
                    found[report] = answer
        except sqlite3.Error as error:
            raise _failed(self.path, error) from error
        return found

    def put(self, report: str, answer: Mapping[str, bool]) -> None:
        """Keep an answer; it is there when this returns."""
        row = (report, self._prompt, self._model, json.dumps(dict(answer)))
        try:
            with self._db, closing(self._db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)):
                pass
        except sqlite3.Error as error:
            raise _failed(self.path, error) from error


def _failed(path: Path, error: Exception) -> BankAccessError:
    return BankAccessError(f"the answers of language models in {path} cannot be used ({error}); delete that file, or set XDG_CACHE_HOME")


def _answer(text: Any, names: Sequence[str]) -> dict[str, bool] | None:
    """None where it is no answer for these findings; then they are asked for anew."""
    try:
        told = json.loads(text)
    except (ValueError, TypeError):
        return None
    fits = isinstance(told, dict) and set(told) == set(names) and all(isinstance(value, bool) for value in told.values())
    return told if fits else None
