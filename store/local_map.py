"""From items to the files their voxels come from. Kept outside the bank, readable by its owner alone: paths tell names."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import platformdirs

from .declared import Calibration
from .errors import BankAccessError
from .files import OTHERS, private_folder
from .scan import Source, SourceKind
from .windows import Window

_LAYOUT = """
CREATE TABLE IF NOT EXISTS volumes (volume TEXT PRIMARY KEY, kind TEXT NOT NULL, lo REAL, hi REAL, name_digest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    volume TEXT NOT NULL, position INTEGER NOT NULL, path TEXT NOT NULL, frame INTEGER NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, PRIMARY KEY (volume, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS places (path TEXT NOT NULL, volume TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (path, volume, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calibrations (volume TEXT PRIMARY KEY, calibration TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS paths (digest TEXT PRIMARY KEY, path TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Located:
    """Where a volume's voxels are."""

    kind: SourceKind
    sources: tuple[Source, ...]
    exported_window: Window | None
    calibration: Calibration | None = None


@dataclass(frozen=True)
class MappedScan:
    """What ingest writes for one volume."""

    volume: str
    kind: SourceKind
    sources: tuple[Source, ...]
    exported_window: Window | None
    name_digest: str
    """Digest of what names the volume, the same for byte-identical copies."""
    calibration: Calibration | None = None


def map_file(bank_id: str) -> Path:
    """`$XDG_DATA_HOME/scanbank/maps/<bank>.sqlite`, by default under ~/.local/share."""
    return Path(platformdirs.user_data_path("scanbank")) / "maps" / f"{bank_id}.sqlite"


class LocalMap:
    """A SQLite file. Every write is one transaction."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self._lock = Lock()

    @classmethod
    def open(cls, bank_id: str) -> LocalMap:
        """Raises BankAccessError where the file cannot be made or read."""
        path = map_file(bank_id)
        try:
            private_folder(path.parent)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            if (mode := path.stat().st_mode) & OTHERS:  # a copy made without care: it is ours alone, so this is mended, not told of
                path.chmod(mode & ~OTHERS)
            connection = sqlite3.connect(path, timeout=60, check_same_thread=False)
            connection.execute("PRAGMA journal_mode=TRUNCATE")  # no side files of another mode left behind
            connection.executescript(_LAYOUT)
        except (OSError, sqlite3.Error) as error:
            raise BankAccessError(f"the local map {path} cannot be opened ({error}); check the folder, or set XDG_DATA_HOME") from error
        return cls(path, connection)

    @contextmanager
    def _told(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock, self._db:  # decoding threads share the connection; a transaction is one thread's
                yield self._db
        except sqlite3.Error as error:
            raise BankAccessError(f"the local map {self.path} failed: {error}") from error

    def put(self, scans: Iterable[MappedScan]) -> None:
        """Record where volumes are, replacing what was recorded of them."""
        with self._told() as db:
            for scan in scans:
                window = scan.exported_window
                db.execute(
                    "INSERT OR REPLACE INTO volumes VALUES (?, ?, ?, ?, ?)",
                    (scan.volume, scan.kind, window.lo if window else None, window.hi if window else None, scan.name_digest),
                )
                db.execute("DELETE FROM calibrations WHERE volume = ?", (scan.volume,))
                if scan.calibration is not None:
                    db.execute("INSERT INTO calibrations VALUES (?, ?)", (scan.volume, scan.calibration.text()))
                self._drop_stale(db, scan)
                rows = ((scan.volume, i, str(s.path), s.frame, s.size, s.mtime_ns) for i, s in enumerate(scan.sources))
                db.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)", rows)
                self._put_places(db, scan)

    def put_places(self, scans: Iterable[MappedScan]) -> None:
        """Remember that volumes lie at further paths too, so that a table may name them by these."""
        with self._told() as db:
            for scan in scans:
                self._put_places(db, scan)

    def _drop_stale(self, db: sqlite3.Connection, scan: MappedScan) -> None:
        """Forget where the volume was, and which other bytes were where it is now."""
        old = db.execute("SELECT path, volume FROM files WHERE volume = ?", (scan.volume,)).fetchall()
        db.executemany("DELETE FROM places WHERE path = ? AND volume = ?", old)
        db.execute("DELETE FROM files WHERE volume = ?", (scan.volume,))
        if scan.kind == "dicom":  # a file may belong to several volumes there, as to a part of a series and to the whole
            return
        query = """SELECT f.volume, f.position FROM places p JOIN files f USING (volume, position)
            WHERE p.path = ?1 AND f.path = ?1 AND (f.size <> ?2 OR f.mtime_ns <> ?3)"""
        for source in scan.sources:
            path = str(source.path)
            for gone in db.execute(query, (path, source.size, source.mtime_ns)).fetchall():
                db.execute("DELETE FROM places WHERE path = ? AND volume = ? AND position = ?", (path, *gone))
                db.execute("DELETE FROM files WHERE volume = ? AND position = ?", gone)

    def _put_places(self, db: sqlite3.Connection, scan: MappedScan) -> None:
        places = ((str(source.path), scan.volume, position) for position, source in enumerate(scan.sources))
        db.executemany("INSERT OR IGNORE INTO places VALUES (?, ?, ?)", places)

    @property
    def is_empty(self) -> bool:
        """Whether it knows no volume, as on a machine that has ingested nothing."""
        with self._told() as db:
            return db.execute("SELECT 1 FROM volumes LIMIT 1").fetchone() is None

    def changed(self) -> list[str]:
        """Volumes of which a file has another size or time than it had at ingest. Files that are gone do not count."""
        found: dict[str, None] = {}
        with self._told() as db:
            query = "SELECT DISTINCT volume, path, size, mtime_ns FROM files ORDER BY volume"
            for volume, path, size, mtime_ns in db.execute(query).fetchall():
                with suppress(OSError):
                    stat = Path(path).stat()
                    if (stat.st_size, stat.st_mtime_ns) != (size, mtime_ns):
                        found[volume] = None
        return list(found)

    def accept(self, volume: str) -> None:
        """Take the files of a volume as they are now for what was ingested."""
        with self._told() as db:
            paths = [row[0] for row in db.execute("SELECT DISTINCT path FROM files WHERE volume = ?", (volume,)).fetchall()]
            for path in paths:
                with suppress(OSError):  # a file that is gone is said when it is looked for
                    stat = Path(path).stat()
                    row = (stat.st_size, stat.st_mtime_ns, volume, path)
                    db.execute("UPDATE files SET size = ?, mtime_ns = ? WHERE volume = ? AND path = ?", row)

    def locate(self, volume: str) -> Located | None:
        """The sources of a volume in slice order; None where this machine does not know it."""
        with self._told() as db:
            query = "SELECT kind, lo, hi, calibration FROM volumes LEFT JOIN calibrations USING (volume) WHERE volume = ?"
            row = db.execute(query, (volume,)).fetchone()
            if row is None:
                return None
            files = db.execute("SELECT path, frame, size, mtime_ns FROM files WHERE volume = ? ORDER BY position", (volume,)).fetchall()
        if not files:
            return None
        window = Window(row[1], row[2]) if row[1] is not None else None
        calibration = Calibration.from_text(row[3]) if row[3] is not None else None
        return Located(row[0], tuple(Source(Path(p), frame, size, mtime) for p, frame, size, mtime in files), window, calibration)

    def first_files(self) -> list[tuple[str, SourceKind, Path]]:
        """(volume, kind, first file) of all that is known."""
        query = "SELECT v.volume, v.kind, f.path FROM volumes v JOIN files f ON f.volume = v.volume AND f.position = 0 ORDER BY 3"
        with self._told() as db:
            return [(volume, kind, Path(path)) for volume, kind, path in db.execute(query).fetchall()]

    def at_path(self, path: Path) -> list[tuple[str, int, int]]:
        """(volume, position of the slice, number of files of the volume) of every volume that has a source at this path."""
        query = """SELECT p.volume, p.position, (SELECT count(DISTINCT path) FROM files f WHERE f.volume = p.volume)
            FROM places p WHERE p.path = ? ORDER BY 1, 2"""
        with self._told() as db:
            return db.execute(query, (str(path),)).fetchall()

    def under(self, folder: Path) -> list[str]:
        """Volumes that have a source below a folder."""
        prefix = str(folder).rstrip("/") + "/"
        # A range, not LIKE: a folder's name may hold % or _, and a range uses the index.
        with self._told() as db:
            rows = db.execute("SELECT DISTINCT volume FROM places WHERE path >= ? AND path < ? ORDER BY 1", (prefix, prefix[:-1] + "0"))
            return [row[0] for row in rows.fetchall()]

    def with_endings(self, path: Path) -> list[Path]:
        """Paths of sources that are this one and an ending, such as `a/002.jpg` of `a/002`."""
        prefix = str(path)
        with self._told() as db:
            query = "SELECT DISTINCT path FROM places WHERE path >= ? AND path < ? ORDER BY 1"
            rows = db.execute(query, (prefix + ".", prefix + "/")).fetchall()  # the slash is next after the dot
        return [Path(row[0]) for row in rows]

    def copies(self, name_digest: str) -> list[tuple[str, Path]]:
        """(volume, first path) of the volumes that carry the same name, such as byte-identical files."""
        query = """SELECT v.volume, f.path FROM volumes v JOIN files f ON f.volume = v.volume AND f.position = 0
            WHERE v.name_digest = ? ORDER BY 1"""
        with self._told() as db:
            return [(volume, Path(path)) for volume, path in db.execute(query, (name_digest,)).fetchall()]

    def put_paths(self, paths: Iterable[tuple[str, Path]]) -> None:
        """Remember which path a digest in `failures` stands for."""
        with self._told() as db:
            db.executemany("INSERT OR REPLACE INTO paths VALUES (?, ?)", ((digest, str(path)) for digest, path in paths))

    def path_of(self, digest: str) -> Path | None:
        with self._told() as db:
            row = db.execute("SELECT path FROM paths WHERE digest = ?", (digest,)).fetchone()
        return Path(row[0]) if row else None

    def beside(self, volumes: Collection[str]) -> list[tuple[str, str]]:
        """(digest, path) of files that were rejected, in folders that hold scans of these volumes and of no others."""
        with self._told() as db:
            folders: dict[bool, set[str]] = {True: set(), False: set()}
            paths: set[str] = set()
            for volume, path in db.execute("SELECT DISTINCT volume, path FROM places"):
                folders[volume in volumes].add(os.path.dirname(path))  # noqa: PTH120 - of maybe a million
                if volume in volumes:
                    paths.add(path)
            own = folders[True] - folders[False]
            rejected: list[tuple[str, str]] = db.execute("SELECT digest, path FROM paths").fetchall()
        return [(digest, path) for digest, path in rejected if path in paths or path in own or os.path.dirname(path) in own]  # noqa: PTH120

    def forget(self, volumes: Collection[str], digests: Collection[str]) -> None:
        """Forget where volumes are, and paths by their digests. Nothing of them is left in the file."""
        with self._told() as db:
            db.execute("PRAGMA secure_delete = ON")
            for table in ("volumes", "files", "places", "calibrations"):
                db.executemany(f"DELETE FROM {table} WHERE volume = ?", ((volume,) for volume in volumes))
            db.executemany("DELETE FROM paths WHERE digest = ?", ((digest,) for digest in digests))
        try:
            with self._lock:
                self._db.execute("VACUUM")
        except sqlite3.Error as error:
            raise BankAccessError(f"the local map {self.path} failed: {error}") from error
