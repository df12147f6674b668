"""A process that decodes ends with the one that it decodes for, however that ends."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from processes import decoding


def test_it_ends_with_the_process_that_started_it() -> None:
    code = "from scanbank.embed.decode_process import DecodeProcess; one = DecodeProcess(); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        (process,) = decoding(parent.pid)
        parent.kill()
    end = time.monotonic() + 60
    while Path(f"/proc/{process}").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
