"""What an answer tells beside its vectors: files that were left out, what is unusual about the scan, and HU that may be none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

from ...embed.hu_check import examine
from ...store.scan import Rejected, ScanHeader, Volume
from .problems import Problem

_REASONS = 3
"""That are told; readers put numbers into theirs, so that each file could have its own."""


@final
@dataclass(frozen=True)
class Scan:
    """A scan that was sent, and what its sender should know of it."""

    volume: Volume
    notes: tuple[str, ...] = ()
    """Without names, and without text of the request."""


def header_notes(header: ScanHeader, files: int, rejected: Iterable[Rejected], usual: Sequence[str] = ()) -> tuple[str, ...]:
    """What was left out of `files` that were sent, and the flags of the scan that the rest makes.

    Args:
        header: the scan.
        files: how many were sent.
        rejected: why readers left some of them out.
        usual: flags that go without saying.
    """
    left_out = files - len({source.path for source in header.sources})
    notes: list[str] = []
    if left_out:
        reasons = Counter[str]()
        for one in rejected:
            reasons[one.reason] += one.files
        told = [f"{reason} ({count})" for reason, count in reasons.most_common(_REASONS)]
        if len(reasons) > _REASONS:
            told.append(f"{len(reasons) - _REASONS} other reasons")
        notes.append(f"{left_out} of {files} files {'was' if left_out == 1 else 'were'} left out: {'; '.join(told)}")
    if flags := [flag for flag in header.flags if flag not in usual]:
        notes.append(f"flags of the scan: {', '.join(flags)}")
    return tuple(notes)


def hu_notes(volume: Volume, *, accept_hu: bool) -> tuple[str, ...]:
    """What looks strange about voxels that should be HU; nothing of images without HU, nor where the client takes them as they are.

    Raises:
        Problem: 422 where they certainly are no HU.
    """
    if accept_hu or not volume.has_hu:
        return ()
    verdict = examine(volume.voxels)
    if verdict.judgement == "wrong":
        raise Problem(422, f"{verdict}; ?accept_hu=true takes it as it is")
    return () if verdict.judgement == "ok" else (str(verdict),)
