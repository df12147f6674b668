"""A headless Chromium, where one is installed: how a page looks, whether it is too wide, and what it complains of."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PROBE = """<script>addEventListener("load", () => {
const root = document.documentElement;
const cut = [...document.querySelectorAll(".wide")].filter((box) => box.scrollWidth > box.clientWidth).length;
root.dataset.measured = [root.scrollWidth, root.clientWidth, root.scrollHeight, cut].join(" ");
});</script></body>"""


@dataclass(frozen=True)
class Seen:
    """A page as a browser shows it."""

    picture: NDArray[np.uint8]
    """(height, width, 3)."""
    width: int
    """Of what is on it; more than `room` where it must be scrolled sideways."""
    room: int
    height: int
    cut: int
    """Boxes of tables that must be scrolled sideways themselves."""
    complaints: tuple[str, ...]
    """Lines of the console."""


def browser() -> str | None:
    """Where one is."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def look(program: str, page: str, folder: Path, *, width: int, height: int) -> Seen:
    """Open a page in a window of so many pixels. A script is added that measures it."""
    assert "<script" not in page
    file, shot = folder / "seen.html", folder / f"seen-{width}.png"
    file.write_text(page.replace("</body>", _PROBE), encoding="utf-8")
    common = (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        f"--user-data-dir={folder}/p",
    )
    told = _run(program, *common, f"--window-size={width},{height}", "--dump-dom", file.as_uri())
    _run(program, *common, f"--window-size={width},{height}", f"--screenshot={shot}", file.as_uri())
    measured = re.search(r'data-measured="(\d+) (\d+) (\d+) (\d+)"', told.stdout)
    assert measured, told.stderr
    complaints = tuple(line for line in told.stderr.splitlines() if "CONSOLE" in line)
    wide, room, high, cut = map(int, measured.groups())
    return Seen(np.asarray(Image.open(shot).convert("RGB")), wide, room, high, cut, complaints)


def _run(*words: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, check=True)
