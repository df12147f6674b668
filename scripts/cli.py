"""The command `scanbank`. Every command imports what it needs when it runs, so that help answers at once."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from . import (
    cli_adapt,
    cli_agree,
    cli_bank,
    cli_compare,
    cli_demo,
    cli_doctor,
    cli_embed,
    cli_eval,
    cli_exchange,
    cli_forget,
    cli_index,
    cli_ingest,
    cli_label,
    cli_lineage,
    cli_localize,
    cli_phantom,
    cli_predict,
    cli_report,
    cli_retrieval,
    cli_search,
    cli_serve,
    cli_study,
    cli_versions,
    cli_wise,
)
from .output import answering, complain


class _Group(TyperGroup):
    """Prints an error of ours as one line and ends with its exit code: 1 failed, 2 misused."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complain("interrupted: what was committed is kept; run the same command to go on")
            raise typer.Exit(1) from None
        except BrokenPipeError:
            raise
        except Exception as error:
            from ..store.errors import ScanbankError

            if not isinstance(error, ScanbankError):
                raise
            complain(f"error: {error}")
            raise typer.Exit(error.exit_code) from error


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Encode every CT scan, slice and report once; train, compare and search on the cached features in seconds. "
    "Exit codes: 0 done, 1 failed in part or whole, 2 misused.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"scanbank {version('scanbank')}")
        raise typer.Exit


@app.callback()
def _root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and end.")) -> None:
    del version


app.command("demo")(cli_demo.demo)
app.command("init")(cli_bank.init)
app.command("ingest")(cli_ingest.ingest)
app.command("embed")(cli_embed.embed)
app.command("adapt")(cli_adapt.adapt)
app.command("wise")(cli_wise.wise)
app.command("refresh")(cli_lineage.refresh)
app.command("lineage")(cli_lineage.lineage)
app.command("export-encoder")(cli_lineage.export_encoder)
app.add_typer(cli_study.app, name="study")
app.command("label")(cli_label.label)
app.command("import")(cli_exchange.import_)
app.command("export")(cli_exchange.export)
app.command("phantom")(cli_phantom.phantom)
app.command("sweep")(cli_eval.sweep)
app.command("probe")(cli_eval.probe)
app.command("zeroshot")(cli_eval.zeroshot)
app.command("predict")(cli_predict.predict)
app.command("compare")(cli_compare.compare)
app.command("agree")(cli_agree.agree)
app.command("heads")(cli_eval.heads)
app.command("localize")(cli_localize.localize)
app.command("retrieval")(cli_retrieval.retrieval)
app.command("index")(cli_index.index)
app.command("search")(cli_search.search)
app.command("serve")(cli_serve.serve)
app.command("report")(cli_report.report)
app.command("status")(cli_bank.status)
app.command("sql")(cli_bank.sql)
app.command("log")(cli_versions.log)
app.command("tag")(cli_versions.tag)
app.command("alias")(cli_versions.alias)
app.command("compact")(cli_versions.compact)
app.command("forget")(cli_forget.forget)
app.command("doctor")(cli_doctor.doctor)


@contextmanager
def _help_answering() -> Iterator[None]:
    """As `answering`, around commands too: help and the version are printed by Typer. An error of a file is none of stdout's."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        with answering():
            raise


def main() -> None:
    """The console script."""
    sys.stdout = sys.stdout or io.TextIOWrapper(io.BytesIO())  # None where the caller closed it
    sys.stderr = sys.stderr or io.TextIOWrapper(io.BytesIO())
    code: Any = 0
    try:
        with _help_answering():
            app()
    except SystemExit as end:
        code = end.code
    try:
        with answering():  # not left to the end of Python, which could but print a traceback
            sys.stdout.flush()
    except SystemExit as end:
        code = end.code
    # Raised anew: the old one holds on to every frame, with DuckDB's connection in one of them, which complains of that at exit.
    raise SystemExit(code)


if __name__ == "__main__":
    main()
