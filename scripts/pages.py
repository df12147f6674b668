"""Pages of docs whose figures are written by a script."""

from __future__ import annotations

from pathlib import Path


def write_between(page: Path, begin: str, end: str, text: str) -> None:
    """Put `text` between two markers of a page, which are added at its end where they are not there yet."""
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{rest.partition(end)[2] or chr(10)}", encoding="utf-8")
