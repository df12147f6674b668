"""Tables of labels and reports into a bank: every row finds its items, or is reported by its line."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .commit import Commit
from .csv_types import KeyKind, ParsedTable, TableRow
from .errors import UsageError
from .items import Rows
from .key import SecretKey
from .matching import Catalog, NoMatch, Target
from .progress import Progress, Silent
from .regroup import group_of, regroup
from .scrub import scrub
from .sections import sections
from .snippets import KnownSnippets, Place, SnippetCounts, write_snippets
from .vocabulary import allow

if TYPE_CHECKING:
    from .bank import Bank

USER_SPLIT = "user"


@dataclass(frozen=True)
class AnnotateOptions:
    """How rows become labels and snippets."""

    source: str = "table"
    """Names who says so in `labels.source`: two readers of the same scans are two sources."""
    keep_text: bool = False
    """Keep report text as it is instead of scrubbing it."""
    no_text: bool = False
    """Store no report text at all: reports are matched and counted, and what the bank shows of theirs is taken back."""
    create_studies: bool = False
    """A row whose study is not in the bank makes one, without scans."""


@dataclass(frozen=True)
class AnnotateReport:
    """What became of a table."""

    rows: int
    matched: int
    labels: int
    reports: int
    """Rows with a report that matched, whether or not their text is kept."""
    snippets: int
    """Sections that are new or other than before."""
    sentences: int
    references: int
    """To images, in these sentences."""
    unmatched: tuple[tuple[int, str], ...]
    """(line, why) of rows that match nothing."""


def annotate(bank: Bank, path: Path, table: ParsedTable, options: AnnotateOptions, *, progress: Progress | None = None) -> AnnotateReport:
    """Write a table's labels, attributes, splits and report snippets in one commit.

    A row that is in the bank already changes nothing; one that differs supersedes what was there.

    Raises:
        UsageError: text is to be kept as it is, and not at all.
    """
    if options.keep_text and options.no_text:
        raise UsageError("--keep-text keeps reports as they are and --no-text keeps none; give one of them")
    message = f"labels: {len(table.rows)} rows" if not table.has_reports else f"reports: {len(table.rows)} rows"
    progress = progress or Silent()
    digest = bank.key.pseudonym("path", str(path.resolve()))
    bank.local_map.put_paths([(digest, path.resolve())])
    job = _Job(bank, table, options)
    for commit in bank.commits(message):
        with commit:
            bank.refresh()  # what is looked up from here on is what the rows build on
            job = _Job(bank, table, options)
            job.resolve()
            if count := sum(bool(row.report) for row, _ in job.found):
                progress.start(f"reading the reports of {path.name}", count)
            job.write(commit, progress.advance)
            _report_unmatched(commit, digest, job.unmatched, bank)
    bank.refresh()
    reports = sum(bool(row.report) for row, _ in job.found)
    new = job.snippets
    counts = (len(table.rows), len(job.found), job.labels, reports, new.sections, new.sentences, new.references)
    return AnnotateReport(*counts, tuple(job.unmatched))


class _Job:
    def __init__(self, bank: Bank, table: ParsedTable, options: AnnotateOptions) -> None:
        self.bank = bank
        self.table = table
        self.kind: KeyKind = table.key_kind
        self.options = options
        self.key: SecretKey = bank.key
        self.catalog = Catalog(bank)
        self.found: list[tuple[TableRow, list[Target]]] = []
        self.unmatched: list[tuple[int, str]] = list(table.faults)
        self.rows: Rows = defaultdict(list)
        self.said: dict[tuple[str, ...], tuple[int, tuple[str, str | None]]] = {}
        self.labels = 0
        self.snippets = SnippetCounts()

    def resolve(self) -> None:
        for row in self.table.rows:
            targets = self._create_study(row) if self.kind == "none" else self.catalog.find(self.kind, row)
            if isinstance(targets, NoMatch) and self.options.create_studies:
                targets = self._create_study(row) or targets
            if isinstance(targets, NoMatch):
                self.unmatched.append((row.line, targets.reason))
            elif row.report and len(self._studies(targets)) != 1:
                self.unmatched.append((row.line, f"its key names {len(self._studies(targets))} studies, and a report belongs to one"))
            else:
                self.found.append((row, targets))
        for table, rows in regroup(self.key, self.kind, self.catalog, self.found).items():
            self.rows[table] += rows

    def _studies(self, targets: Sequence[Target]) -> set[str]:
        return {study for target in targets for study in self.catalog.studies_of(target)}

    def _create_study(self, row: TableRow) -> list[Target] | NoMatch:
        """A study without scans, keyed by the row's own key, or by its text where it has none."""
        if not self.options.create_studies:
            return NoMatch("it has no key; --create-studies makes a study for each report")
        accession, uid = row.ids.get("accession"), row.ids.get("study_uid")
        patient_id, group = row.ids.get("patient_id"), row.ids.get("group")
        match self.kind, row.key:
            case "study_uid", str() as key:
                study = self.key.pseudonym("study", key)
            case "accession", str() as key:
                study, accession = self.key.pseudonym("study", uid) if uid else self.key.pseudonym("study-of-accession", key), key
            case "patient_id", str() as key:
                study, patient_id = self.key.pseudonym("study-of-patient", key), key
            case "none", _:
                study = self.key.pseudonym("study-of-text", *sorted(row.report.values()))
            case _:
                return NoMatch("its key names a scan or a slice, which a table cannot make")
        patient = self.key.pseudonym("patient", patient_id) if patient_id else self.key.pseudonym("own-patient", study)
        patient = group_of(self.key, group) if group else patient
        if study not in self.catalog.studies:
            digest = self.key.pseudonym("accession", accession) if accession else None
            self.rows["studies"].append({"study": study, "patient": patient, "accession": digest})
            self.rows["patients"].append({"patient": patient})
            self.catalog.studies[study] = patient
        return [Target(study, "study")]

    def write(self, commit: Commit, advance: Callable[[int], None]) -> None:
        for rows in (self._labels(), self._attributes(), self._splits()):
            for table, row in rows:
                self.rows[table].append(row)
        self.labels = len(self.rows["labels"])
        self._snippets(commit, advance)
        for table, listed in self.rows.items():
            commit.append(table, listed)

    def _contradicts(self, row: TableRow, what: tuple[str, ...], value: tuple[str, str | None]) -> bool:
        """Whether an earlier row, by another name of the same item, said otherwise; then this one is reported and not taken."""
        line, before = self.said.setdefault(what, (row.line, value))
        if before != value:
            self.unmatched.append((row.line, f"it speaks of the same item as line {line}, and says otherwise"))
        return before != value

    def _labels(self) -> Iterator[tuple[str, dict[str, Any]]]:
        source = self.options.source
        answer = self.bank.sql("SELECT item, finding, status, category, source FROM latest_labels").to_pylist()
        have = {(r["item"], r["finding"]): (r["status"], r["category"]) for r in answer if r["source"] == source}
        for row, targets in self.found:
            for target in targets:
                for cell in row.labels:
                    if self._contradicts(row, ("label", target.item, cell.finding), (cell.status, cell.category)):
                        continue
                    if have.get((target.item, cell.finding)) == (cell.status, cell.category):
                        continue
                    have[target.item, cell.finding] = (cell.status, cell.category)
                    values = {"finding": cell.finding, "status": cell.status, "category": cell.category, "source": source}
                    yield "labels", {"item": target.item, "level": target.level, **values}

    def _attributes(self) -> Iterator[tuple[str, dict[str, Any]]]:
        answer = self.bank.sql("SELECT item, name, value, source FROM latest_attributes").to_pylist()
        have = {(r["item"], r["name"], r["source"]): r["value"] for r in answer}
        for row, targets in self.found:
            for target in targets:
                for name, text in row.attributes.items():
                    value = allow(name, text)
                    entry = {"item": target.item, "name": name, "source": self.options.source}
                    if have.get((target.item, name, self.options.source)) != (value or text):
                        yield "attributes", {**entry, "level": target.level, "value": value or text}

    def _splits(self) -> Iterator[tuple[str, dict[str, Any]]]:
        answer = self.bank.sql(f"SELECT item, side FROM latest_splits WHERE split = '{USER_SPLIT}'").to_pylist()
        have = {r["item"]: r["side"] for r in answer}
        for row, targets in self.found:
            for target in targets:
                if row.split and self._contradicts(row, ("split", target.item), (row.split, None)):
                    continue
                if row.split and have.get(target.item) != row.split:
                    yield "splits", {"split": USER_SPLIT, "item": target.item, "level": target.level, "side": row.split}

    def _snippets(self, commit: Commit, advance: Callable[[int], None]) -> None:
        """The report of a study is what this table says of it: sections that it no longer has are taken back."""
        if not any(row.report for row, _ in self.found):
            return
        known = KnownSnippets(self.bank)
        texts: dict[Place, str] = {}
        numbers: Counter[tuple[str, str]] = Counter()
        spoken: dict[str, set[str]] = defaultdict(set)  # a column `report` speaks of all sections, others of their own
        for row, targets in self.found:
            if row.report:
                (study,) = self._studies(targets)
                names = [*row.ids.values(), *_names(row.key)]
                spoken[study] |= set(row.report)
                for section, raw in () if self.options.no_text else _parts(row):
                    position = numbers[study, section]
                    numbers[study, section] += 1
                    texts[study, section, position] = raw if self.options.keep_text else scrub(raw, names)
                advance(1)
        gone = [place for place in known.sections if place not in texts and spoken.get(place[0], set()) & {"report", place[1]}]
        self.snippets = write_snippets(commit, self.key, known, texts, gone, self.catalog.studies)


def _names(key: str | Path | tuple[str, int]) -> list[str]:
    """What a key holds that a report should not repeat."""
    return [key] if isinstance(key, str) and key else [key[0]] if isinstance(key, tuple) else []


def _parts(row: TableRow) -> Iterator[tuple[str, str]]:
    """(section, text) of a row's report, in order."""
    for column, text in row.report.items():
        for section, part in sections(text) if column == "report" else [(column, text)]:
            if part.strip():
                yield section, part


def _report_unmatched(commit: Commit, digest: str, unmatched: Sequence[tuple[int, str]], bank: Bank) -> None:
    """One row for each line that matches nothing; lines of this table that matched since are cleared."""
    stage = "match"
    now = datetime.now(UTC)
    rows = {f"{digest}:{line}": f"line {line} of the table: {reason}" for line, reason in unmatched}
    for row in bank.sql(f"SELECT source FROM failures WHERE stage = '{stage}' AND starts_with(source, '{digest}:')").to_pylist():
        rows.setdefault(row["source"], "")
    entries = ({"stage": stage, "source": source, "reason": reason, "files": 1, "noticed": now} for source, reason in rows.items())
    commit.append("failures", entries)
