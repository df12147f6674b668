"""Commands in processes in which a chosen call to the file system kills or fails, whether Python, C++ or Rust makes it.

A server imports what commands need, with `faults.c` loaded before libc, and forks for each command: that costs a tenth of a start.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("faults.c")
SPACE, NAME, OTHER = 1, 2, 4
"""As in faults.c: what a call needs."""


@dataclass(frozen=True)
class Fault:
    """What happens at the `call`-th call (from 1; 0 for nothing) that changes files below the folder.

    `errno` 0 is SIGKILL, in the middle of a write. Otherwise that call fails, and with `kinds` all later ones of these kinds too.
    """

    call: int = 0
    errno: int = 0
    kinds: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, or minus the signal; the calls counted (-1 after a kill); what it printed."""

    code: int
    calls: int
    stdout: str
    stderr: str
    seconds: float


class Commands:
    """The server's client."""

    def __init__(self, server: subprocess.Popen[str], folder: Path) -> None:
        self._server = server
        self._folder = folder

    def run(
        self, words: Sequence[str], folder: Path, fault: Fault | None = None, *, kill_after_s: float = 0.0, limit_bytes: int = 0
    ) -> Outcome:
        """Run `scanbank WORDS` with keys and maps below `folder`, where calls are counted.

        `kill_after_s`: SIGKILL it after so many seconds. `limit_bytes`: of each file that it writes (RLIMIT_FSIZE).
        """
        asked = {"words": list(words), "folder": str(folder), "fault": vars(fault or Fault()), "kill_after_s": kill_after_s}
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(asked | {"limit_bytes": limit_bytes, "output": str(self._folder)}) + "\n")
        self._server.stdin.flush()
        told = json.loads(self._server.stdout.readline())
        out, err = ((self._folder / name).read_text("utf-8", "replace") for name in ("stdout", "stderr"))
        return Outcome(told["code"], told["calls"], out, err, told["seconds"])


def why_not() -> str:
    """Why faults cannot be made on this machine; empty where they can."""
    if not sys.platform.startswith("linux"):
        return "faults are made by LD_PRELOAD, which is Linux'"
    return "" if shutil.which("gcc") else "no gcc to compile tests/faults.c with"


@contextmanager
def commands(folder: Path) -> Iterator[Commands]:
    """A server. `folder` takes what it writes of its own. Without gcc it works but counts nothing and makes no faults."""
    environment = dict(os.environ) | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SOURCE.parent)}
    environment.pop("PYTHONSAFEPATH", None)
    if not why_not():
        library = folder / f"faults{sysconfig.get_config_var('SHLIB_SUFFIX')}"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"], check=True)
        environment |= {"LD_PRELOAD": str(library), "FAULTS": str(library)}
    # stderr is kept for a server that does not start
    with (
        (folder / "server").open("w") as errors,
        subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as server,
    ):
        assert server.stdout
        if server.stdout.readline() != "ready\n":
            raise RuntimeError((folder / "server").read_text())
        yield Commands(server, folder)
        assert server.stdin
        server.stdin.close()


def _serve() -> None:
    # What commands would import; none of it starts threads that a fork would lose.
    import scanbank.embed.pipeline
    import scanbank.eval.indexes
    import scanbank.eval.labels.bank_labels
    import scanbank.eval.sweep
    import scanbank.scripts.cli
    import scanbank.store.compact
    import scanbank.store.ingest
    import scanbank.store.migrations
    import scanbank.store.sql  # noqa: F401
    from scanbank.embed import open_encoder
    from scanbank.heads import HEADS, head_named

    open_encoder("intensity")
    for name in HEADS:
        head_named(name)
    os.environ.pop("LD_PRELOAD", None)
    print("ready", flush=True)  # noqa: T201 - to the client, over a pipe
    for line in sys.stdin:
        print(json.dumps(_one(json.loads(line))), flush=True)  # noqa: T201


def _one(asked: Mapping[str, Any]) -> dict[str, Any]:
    told, tell = os.pipe()
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        _command(asked, tell)
    os.close(tell)
    ended = status = 0
    if asked["kill_after_s"]:
        while not ended and time.perf_counter() - started < asked["kill_after_s"]:
            time.sleep(0.001)
            ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            os.kill(child, signal.SIGKILL)
    with os.fdopen(told) as pipe:
        report = json.loads(pipe.read() or '{"calls": -1, "modules": []}')
    if not ended:
        _, status = os.waitpid(child, 0)
    seconds = time.perf_counter() - started
    for name in report["modules"]:
        with suppress(ImportError):  # the next command of this kind starts sooner
            importlib.import_module(name)
    return {"code": os.waitstatus_to_exitcode(status), "calls": report["calls"], "seconds": seconds}


def _command(asked: Mapping[str, Any], tell: int) -> None:
    """In the child: never returns."""
    import resource

    from scanbank.scripts import cli

    folder, output, fault = Path(asked["folder"]), Path(asked["output"]), asked["fault"]
    os.environ |= {f"XDG_{name.upper()}_HOME": str(folder / name) for name in ("config", "data", "cache")}
    os.environ.pop("SCANBANK_KEY_FILE", None)
    for number, name in ((0, os.devnull), (1, output / "stdout"), (2, output / "stderr")):
        os.dup2(os.open(name, os.O_RDWR | (os.O_CREAT | os.O_TRUNC if number else 0), 0o600), number)
    sys.argv = ["scanbank", *asked["words"]]
    if asked["limit_bytes"]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python does at its start; the call fails with EFBIG instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["limit_bytes"], asked["limit_bytes"]))
    before = set(sys.modules)
    library = ctypes.CDLL(os.environ["FAULTS"]) if "FAULTS" in os.environ else None
    if library:
        library.faults_arm(os.fsencode(folder), ctypes.c_long(fault["call"]), fault["errno"], fault["kinds"])
    code: Any = 70
    try:
        cli.main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - Python would print it and end with 1
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        calls = library.faults_calls() if library else -1
        with os.fdopen(tell, "w") as pipe:
            json.dump({"calls": calls, "modules": sorted(set(sys.modules) - before)}, pipe)
        os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    _serve()
