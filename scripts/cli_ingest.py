"""The command `scanbank ingest`: scans, labels and reports into a bank."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .options import BankPath, Json, KeyFile, listed
from .output import complain, print_json, progress, say, summary

if TYPE_CHECKING:
    from ..store.annotate import AnnotateReport
    from ..store.csv_types import ParsedTable, TableOptions
    from ..store.ingest import IngestReport
    from ..store.masks import MaskReport

_TABLES, _MASKS = "Tables", "Masks"


class ImageMode(StrEnum):
    """How PNG and JPEG files are meant."""

    stack = "stack"
    each = "each"


def ingest(
    bank: BankPath,
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH...", help="Files and folders with scans.", show_default=False)] = None,
    images: Annotated[
        ImageMode | None,
        typer.Option(help="PNG and JPEG: a folder of numbered slices is one volume, or every image is one.", show_default=False),
    ] = None,
    exported_window: Annotated[
        str | None, typer.Option(metavar="WINDOW", help="The window that images were saved with, such as brain.", show_default=False)
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A collection as its authors distribute it: cq500 or ct-rate.", show_default=False),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read headers.")] = min(4, os.cpu_count() or 1),
    key_file: KeyFile = None,
    json: Json = False,
    labels: Annotated[
        list[Path] | None,
        typer.Option(help="CSV, JSONL or Parquet with labels; may be repeated.", rich_help_panel=_TABLES, show_default=False),
    ] = None,
    reports: Annotated[
        list[Path] | None,
        typer.Option(help="CSV, JSONL or Parquet with reports; may be repeated.", rich_help_panel=_TABLES, show_default=False),
    ] = None,
    masks: Annotated[
        list[Path] | None,
        typer.Option(
            help="Masks of scans: NIfTI files or DICOM segmentations, or folders of them; may be repeated.",
            rich_help_panel=_MASKS,
            show_default=False,
        ),
    ] = None,
    mask_finding: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What masks show: NAME or THEIRS=OURS.", rich_help_panel=_MASKS, show_default=False),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            metavar="THEIRS=OURS", help="Column names, such as AccessionNo=accession.", rich_help_panel=_TABLES, show_default=False
        ),
    ] = None,
    findings: Annotated[
        list[str] | None, typer.Option(help="Columns that are findings.", rich_help_panel=_TABLES, show_default=False)
    ] = None,
    classes: Annotated[
        list[str] | None, typer.Option(help="Text columns that are categories.", rich_help_panel=_TABLES, show_default=False)
    ] = None,
    attributes: Annotated[
        list[str] | None, typer.Option(help="Columns that are attributes, such as sex,site.", rich_help_panel=_TABLES, show_default=False)
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Columns to leave.", rich_help_panel=_TABLES, show_default=False)] = None,
    columns: Annotated[
        list[str] | None, typer.Option(help="Names for a table without a header line.", rich_help_panel=_TABLES, show_default=False)
    ] = None,
    source: Annotated[str, typer.Option(help="Who says so: kept beside each label.", rich_help_panel=_TABLES)] = "table",
    create_studies: Annotated[bool, typer.Option(help="Rows without a scan make a study of their own.", rich_help_panel=_TABLES)] = False,
    keep_text: Annotated[bool, typer.Option("--keep-text", help="Keep report text unscrubbed.", rich_help_panel=_TABLES)] = False,
    no_text: Annotated[bool, typer.Option("--no-text", help="Match and count reports; keep no text.", rich_help_panel=_TABLES)] = False,
) -> None:
    """Add scans, labels and reports to a bank. Reads headers only; nothing is decoded.

    Lists of columns take commas. Rows of a table match by the most specific of: path (relative to the table), series_uid,
    accession, study_uid, patient_id + slice_number, patient_id. With --layout, tables are found among and below the paths.
    """
    from ..store import Bank
    from ..store.annotate import AnnotateOptions, annotate
    from ..store.csv_types import TableOptions
    from ..store.errors import UsageError
    from ..store.ingest import ingest as ingest_scans
    from ..store.mask_findings import declared
    from ..store.masks import ingest_masks, mask_paths, not_scans
    from ..store.status import references
    from ..store.windows import parse_window
    from .layout_tables import open_collection

    if not paths and not labels and not reports and not masks:
        raise UsageError("nothing to ingest: give PATH, --labels, --reports or --masks")
    if keep_text and no_text:
        raise UsageError("--keep-text keeps reports as they are and --no-text keeps none; give one of them")
    options = TableOptions(
        rename=_renames(rename),
        findings=listed(findings),
        classes=listed(classes),
        attributes=listed(attributes),
        ignore=listed(ignore),
        columns=listed(columns),
    )
    window = parse_window(exported_window) if exported_window is not None else None
    opened = Bank.open(bank, key_file=key_file)
    # Tables are understood before a scan is read: a mistake in one should not cost an hour.
    how = AnnotateOptions(source=source, keep_text=keep_text, no_text=no_text, create_studies=create_studies)
    if layout is not None:
        if options != TableOptions():
            raise UsageError(
                "--layout says what columns are; leave out --rename, --findings, --classes, --attributes, --ignore and --columns"
            )
        collection = open_collection(layout, paths or [], [*(labels or []), *(reports or [])])
        paths, tables = collection.scans, []
    else:
        collection, tables = None, [(path, table, how) for path, table in _read_tables(labels or [], reports or [], options)]
    found_masks = mask_paths(masks) if masks else []
    known_findings = listed(mask_finding)
    declared(known_findings)
    done: dict[str, Any] = {}
    failed = 0
    if paths:
        no_scans = not_scans(found_masks, masks or [], paths)
        with progress(not json) as listener:
            report = ingest_scans(
                opened,
                paths,
                images=images.value if images else None,
                exported_window=window,
                workers=workers,
                but=no_scans,
                declare=collection.layout.declare if collection else None,
                progress=listener,
            )
        done["scans"] = asdict(report)
        failed += report.failed
        if not json:
            _tell_scans(report)
    if collection:
        tables, done["remarks"] = collection.tables(opened, how)
    told: set[tuple[Path, int]] = set()  # a layout may read a table for several sources: a row that fits none is one row
    for path, table, options_of_table in tables:
        with progress(not json) as listener:
            outcome = annotate(opened, path, table, options_of_table, progress=listener)
        done.setdefault("tables", []).append({"table": str(path), "source": options_of_table.source} | asdict(outcome))
        new = tuple((line, reason) for line, reason in outcome.unmatched if (path, line) not in told)
        told |= {(path, line) for line, _ in new}
        failed += len(new)
        if not json:
            _tell_table(path, replace(outcome, unmatched=new), options_of_table.source if collection else "")
    if not json:
        for remark in done.get("remarks", []):
            complain(remark)
    if masks:
        with progress(not json) as listener:
            attached = ingest_masks(opened, found_masks, known_findings, progress=listener)
        done["masks"] = asdict(attached)
        failed += attached.failed
        if not json:
            _tell_masks(attached)
    if found := references(opened):
        done["references"] = found
        if not json:
            say(f"references to images: {sum(found.values())}, of which {summary(found)}")
    if json:
        print_json(done)
    if failed:
        complain(f"{failed} failed; `scanbank status {bank} --failures` lists them")
        raise typer.Exit(1)


def _renames(given: list[str] | None) -> dict[str, str]:
    from ..store.errors import UsageError

    renames: dict[str, str] = {}
    for entry in given or []:
        theirs, equals, ours = entry.partition("=")
        if not (theirs and equals and ours):
            raise UsageError(f"--rename {entry!r}: expected THEIRS=OURS, such as AccessionNo=accession")
        renames[theirs.strip()] = ours.strip()
    return renames


def _read_tables(labels: list[Path], reports: list[Path], options: TableOptions) -> list[tuple[Path, ParsedTable]]:
    from ..store.csv_table import read_tables

    wanted: dict[Path, tuple[Path, Literal["labels", "reports"]]] = {path.resolve(): (path, "reports") for path in reports}
    for path in labels:
        wanted.setdefault(path.resolve(), (path, "labels"))
    tables = read_tables(list(wanted.values()), options)
    return [(path, table) for (path, _), table in zip(wanted.values(), tables, strict=True)]


def _tell_scans(report: IngestReport) -> None:
    say(f"{report.volumes} new volumes, {report.slices} slices" + (f"; {report.known} were there already" if report.known else ""))
    if report.replaced:
        say(f"{report.replaced} volumes of the bank gave way to longer ones of the same series")
    if report.changed:
        complain(
            f"{report.changed} volumes have files that changed since they were ingested; `embed --accept-changed` reads them all the same"
        )
    if report.left_out:
        say(f"left out: {summary(report.left_out)}")
    if report.flags:
        say(f"flags: {summary(report.flags)}")
    if report.ignored:
        say(f"ignored: {report.ignored} files of other formats")


def _tell_masks(report: MaskReport) -> None:
    new = f"{report.masks} new masks" + (f" ({summary(report.findings)})" if report.findings else "")
    say(f"{new} on {report.volumes} volumes" + (f"; {report.known} were there already" if report.known else ""))
    if report.changed:
        say(f"{report.changed} masks took the place of others")
    for reason, count in report.reasons.items():
        complain(f"{count} x {reason}")


def _tell_table(path: Path, outcome: AnnotateReport, source: str) -> None:
    new = f"{outcome.labels} new labels, {outcome.snippets} new report snippets"
    new += f" of {outcome.reports} reports" if outcome.reports else ""
    new += f", {outcome.sentences} sentences" if outcome.sentences else ""
    say(f"{path.name}{f' as {source}' if source else ''}: {outcome.matched} of {outcome.rows} rows matched, {new}")
    reasons: dict[str, list[int]] = {}
    for line, reason in outcome.unmatched:
        reasons.setdefault(reason, []).append(line)
    for reason, lines in reasons.items():
        complain(f"{path.name}: {'line' if len(lines) == 1 else 'lines'} {_ranges(lines)}: {reason}")


def _ranges(lines: list[int]) -> str:
    """[2, 3, 4, 9] as `2-4, 9`."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
