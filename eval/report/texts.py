"""The tables of a report as Markdown and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .chapters import Chapter, chapters
from .tables import Shown, Table

if TYPE_CHECKING:
    from ...store.bank import Bank

_MARKS = re.compile(r"([\\`*_{}\[\]<>#+!|~$&])")
"""What Markdown may take for markup within a line."""
_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "−": r"$-$", "–": "--", "↓": r"$\downarrow$",
    "<": r"\textless{}", ">": r"\textgreater{}", "“": "``", "”": "''", "…": r"\ldots{}",
}  # fmt: skip
_HEADER = r"""% Tables of a scanbank report. They need \usepackage{booktabs,graphicx} in the preamble.
"""


def markdown(bank: Bank) -> str:
    """The tables of all studies in GitHub's Markdown; names are escaped, the best of a column is bold."""
    found = chapters(bank)
    parts = [_markdown_chapter(chapter) for chapter in found] or ["No results yet.\n"]
    return f"# {_marked(bank.name.rpartition('/')[2] or 'bank')}\n\n" + "\n".join(parts)


def latex(bank: Bank) -> str:
    """The tables of all studies as LaTeX floats with booktabs' rules, no wider than a line; names are escaped."""
    return _HEADER + "\n".join(_latex_table(chapter, table) for chapter in chapters(bank) for table in chapter.tables)


def _markdown_chapter(chapter: Chapter) -> str:
    parts = [f"## {_marked(chapter.title)}\n\n{_marked(chapter.caption)}\n"]
    for table in chapter.tables:
        lines = [
            _line([*map(_marked, table.names), *map(_marked, table.columns)]),
            _line(["---"] * len(table.names) + ["---:"] * len(table.columns)),
            *(_line([*map(_marked, row.names), *map(_markdown_cell, row.cells)]) for row in table.rows),
        ]
        note = f"\n\n{_marked(table.note)}" if table.note else ""
        parts.append(f"### {_marked(table.title)}\n\n" + "\n".join(lines) + note + "\n")
    if chapter.reasons:
        parts.append(f"No value where: {_marked('; '.join(chapter.reasons))}.\n")
    return "\n".join(parts)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Shown) -> str:
    text = f"**{_marked(cell.text)}**" if cell.best else _marked(cell.text)
    return f"{text} {_marked(cell.spread)}".strip()


def _marked(text: str) -> str:
    """A text in which nothing is markup, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def _latex_table(chapter: Chapter, table: Table) -> str:
    lines = []
    for place, row in enumerate(table.rows):
        if row.first and place:
            lines.append(r"\midrule")
        lines.append(" & ".join([*map(_escaped, row.names), *map(_latex_cell, row.cells)]) + r" \\")
    heads = " & ".join(map(_escaped, (*table.names, *table.columns)))
    caption = _escaped(f"{chapter.title}: {table.title}. {chapter.caption} {table.note}".strip())
    body = "\n".join(lines)
    return rf"""
\begin{{table}}
\centering
\caption{{{caption}}}
\resizebox{{\ifdim\width>\linewidth\linewidth\else\width\fi}}{{!}}{{%
\begin{{tabular}}{{{"l" * len(table.names)}{"r" * len(table.columns)}}}
\toprule
{heads} \\
\midrule
{body}
\bottomrule
\end{{tabular}}}}
\end{{table}}
"""


def _latex_cell(cell: Shown) -> str:
    text = rf"\textbf{{{_escaped(cell.text)}}}" if cell.best else _escaped(cell.text)
    return f"{text} {_escaped(cell.spread)}".strip()


def _escaped(text: str) -> str:
    """A text in which nothing is a command, on one line."""
    return "".join(_TEX.get(letter, letter) for letter in " ".join(text.split()))
