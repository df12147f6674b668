"""Commands about a bank as a whole: init, status, sql."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import At, BankPath, Format, Json, KeyFile
from .output import complain, print_json, print_table, say, size, write

if TYPE_CHECKING:
    from ..store import Bank


def init(bank: BankPath, key_file: KeyFile = None, json: Json = False) -> None:
    """Make an empty bank, and its key outside of it."""
    from ..store import Bank
    from ..store.key import default_key_file

    made = Bank.create(bank, key_file=key_file)
    key = key_file or default_key_file(made.card["key"])
    if json:
        print_json({"bank": made.name, "key_file": str(key)})
        return
    say(f"bank {made.name}")
    say(f"key  {key} (keep a copy: without it, original ids and paths cannot be looked up)")


def status(
    bank: BankPath,
    failures: Annotated[bool, typer.Option("--failures", help="List what failed, with paths from this machine's map.")] = False,
    at: At = None,
    json: Json = False,
) -> None:
    """Show what a bank holds: items, feature sets, labels, failures, sizes."""
    from ..store import Bank
    from ..store.status import failed_items, overview

    opened = Bank.open(bank, at=at)
    if failures:
        rows = failed_items(opened)
        if json:
            print_json(rows)
        elif rows:
            columns = ("stage", "reason", "files", "path")
            print_table(columns, [[row[c] for c in columns] for row in rows])
        else:
            say("no failures")
        return
    shown = overview(opened)
    if json:
        print_json(shown)
    else:
        _print_overview(opened, shown)


def _print_overview(bank: Bank, shown: dict[str, Any]) -> None:
    say(f"bank {bank.name}  format {bank.card['format']}  snapshot {shown['snapshot']}")
    say("items         " + ", ".join(f"{count} {name}" for name, count in shown["items"].items()))
    say("left out      " + (", ".join(f"{row['files']} x {row['reason']}" for row in shown["left_out"]) or "nothing"))
    say("flags         " + (", ".join(f"{count} {name}" for name, count in shown["flags"].items()) or "none"))
    if shown["references"]:
        say("references    " + ", ".join(f"{count} {status}" for status, count in shown["references"].items()))
    if shown["adapted"]:
        say("adapted       " + ", ".join(row["name"] + ("" if row["kept"] else " (without its adapter)") for row in shown["adapted"]))
    failed = shown["failures"]
    say("failures      " + (", ".join(f"{count} in {stage}" for stage, count in failed.items()) + "; see --failures" if failed else "none"))
    say("size          " + ", ".join(f"{name} {size(count)}" for name, count in shown["bytes"].items()))
    if shown["feature_sets"]:
        columns = ("name", "items", "dim", "dtype")
        say()
        print_table(columns, [[row[c] for c in columns] for row in shown["feature_sets"]], "feature sets")
    if shown["labels"]:
        columns = ("finding", "source", "level", "present", "absent", "other")
        say()
        print_table(columns, [[row[c] for c in columns] for row in shown["labels"]], "labels")


def sql(
    bank: BankPath,
    query: Annotated[
        str, typer.Argument(help='One SELECT, such as "SELECT * FROM volumes"; "SHOW TABLES" and "DESCRIBE volumes" work too.')
    ],
    format: Annotated[Format, typer.Option("--format", help="How the answer is printed.")] = Format.table,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write to instead of stdout.", show_default=False)] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.001, help="Seconds after which a query is given up.")] = 600.0,
    at: At = None,
) -> None:
    """Ask a bank a question in SQL (DuckDB's), read-only. docs/sql.md has examples."""
    from ..store import Bank
    from .answers import columns, encoded
    from .target import check_target, save

    if format is Format.parquet and output is None and sys.stdout.isatty():
        complain("error: Parquet is not for a terminal; give -o FILE")
        raise typer.Exit(2)
    if output:
        check_target("--output", output)
    opened = Bank.open(bank, at=at)
    if format is Format.table and not output:
        answer = opened.sql(query, timeout_s=timeout)
        print_table(answer.column_names, list(zip(*columns(answer), strict=True)))
        complain(f"{answer.num_rows} rows")
        return
    pieces = encoded(opened.sql_batches(query, timeout_s=timeout), format)
    if output:
        save(output, pieces)
    else:
        for piece in pieces:
            write(piece)
