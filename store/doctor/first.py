"""Icechunk's first snapshot, which is the same empty one in every repository but for its time."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import final

import pyarrow as pa

from ..checksums import write_checksums
from ..errors import BankDamagedError
from ..places import LocalPlace
from ..repository import create_repository
from .case import FIRST, snapshot_file
from .cures import Direct, Stage, Surgery

_HEAD_BYTES = 39
"""Of Icechunk's files, before what is compressed: magic, implementation, version, type, compression."""
_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""Icechunk takes a first snapshot that is younger than others for one of them."""


def first_snapshot() -> bytes:
    """The bytes of one that is older than any bank."""
    with tempfile.TemporaryDirectory() as folder:
        place = LocalPlace(Path(folder))
        written = create_repository(place).lookup_snapshot(FIRST).written_at
        data = place.read(snapshot_file(FIRST))
        body = pa.CompressedInputStream(pa.BufferReader(data[_HEAD_BYTES:]), "zstd").read()
        if body.count(_micros(written)) != 1:
            raise BankDamagedError("Icechunk's first snapshot cannot be made again with this version of Icechunk; restore it from a copy")
        body = body.replace(_micros(written), _micros(_TIME))
        return data[:_HEAD_BYTES] + pa.Codec("zstd").compress(body, asbytes=True)


def _micros(time: datetime) -> bytes:
    """As Icechunk writes it."""
    return ((time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)).to_bytes(8, "little")


@final
@dataclass(frozen=True)
class RenewFirst(Direct):
    """Make it again."""

    stage: Stage = Stage.FILES

    def apply(self, surgery: Surgery) -> str:
        name = snapshot_file(FIRST)
        surgery.quarantine.keep(name, "damaged; it was made again")
        surgery.place.write(name, first_snapshot())
        write_checksums(surgery.place, FIRST, "", 0, [name])
        return f"{name} made again"
