"""Several devices: the command runs itself once more for each of the others, on a part of the scans of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from ..embed.report import EmbedReport

_SHARD = re.compile(r"(\d+)/(\d+)")
_OPTION = "--device"
_ONCE = ("--json", "--accept-changed")
"""Options that are none of the others' business: changes are accepted before they begin, or each would number volumes anew."""
_LOOK_SECONDS = 3600.0  # any: with one, what was read is kept when Ctrl-C comes between


def devices_of(text: str) -> list[str]:
    """The devices that a text names: one, several with commas between them, or `cuda:all`.

    Raises:
        UsageError: all CUDA devices are asked for and there is none.
    """
    if text != "cuda:all":
        return [part.strip() for part in text.split(",") if part.strip()] or ["auto"]
    import torch

    from ..store.errors import UsageError

    if not torch.cuda.is_available():
        raise UsageError(f"device 'cuda:all' is not here: torch {torch.__version__} sees no CUDA device; choose auto or cpu")
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]


def shard_of(text: str) -> tuple[int, int]:
    """(i, n) from `i/n`, i from 0.

    Raises:
        UsageError: it is no such part.
    """
    from ..store.errors import UsageError

    match = _SHARD.fullmatch(text)
    if match is None or not int(match[1]) < int(match[2]):
        raise UsageError(f"--shard {text!r} is no part; write I/N with I from 0 to N - 1")
    return int(match[1]), int(match[2])


@contextmanager
def beside(devices: Sequence[str], count: int) -> Iterator[Others]:
    """This very command once for each of `devices`, on parts 1, 2, ... of `count`; they are stopped where this one fails."""
    running = [
        subprocess.Popen(_again(sys.argv[1:], device, f"{number}/{count}"), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        for number, device in enumerate(devices, 1)
    ]
    try:
        yield Others(running)
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
            process.wait()


@final
class Others:
    """The processes beside this one."""

    def __init__(self, running: list[subprocess.Popen[str]]) -> None:
        self._running = running

    def join(self, report: EmbedReport) -> None:
        """Wait for them, and add what they did to a report. Raises EncoderError where one could not do its part."""
        from ..store.errors import EncoderError

        for process in self._running:
            told = _all_of(process, report)
            try:
                found = json.loads(told)
            except ValueError as error:
                raise EncoderError(
                    f"the process of another device ended with code {process.returncode}; what was done is committed"
                ) from error
            report.volumes += found["volumes"]
            report.copied += found["copied"]
            report.failed += found["failed"]
            report.interrupted |= found["interrupted"]
            report.suspicious += found["suspicious"]
            report.suspicion = report.suspicion or found["suspicion"]
            for name, count in found["sets"].items():
                report.sets[name] = report.sets.get(name, 0) + count
            for reason, count in found["reasons"].items():
                report.reasons[reason] = report.reasons.get(reason, 0) + count


def _all_of(process: subprocess.Popen[str], report: EmbedReport) -> str:
    """What it writes until it ends. Ctrl-C reaches it too: it is given the time to commit what it has."""
    while True:
        try:
            return process.communicate(timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            continue
        except KeyboardInterrupt:
            report.interrupted = True


def _again(arguments: Sequence[str], device: str, shard: str) -> list[str]:
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == _OPTION:
            skip = True
        elif not argument.startswith(f"{_OPTION}=") and argument not in _ONCE:
            kept.append(argument)
    return [sys.executable, "-P", "-m", "scanbank.scripts.cli", *kept, _OPTION, device, "--shard", shard, "--json"]
