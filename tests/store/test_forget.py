from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dicom_files import write_series
from eval_banks import SLICE, VOLUME, add_labels, add_vectors, add_volumes, toy_bank
from patient_banks import FORGOTTEN, Scatter, found, patients_bank, searched, vectors_of
from scanbank.embed import open_encoder
from scanbank.embed.buffer import FeatureBuffer
from scanbank.embed.pipeline import embed
from scanbank.embed.plan import present
from scanbank.embed.texts import embed_texts
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.sweep import sweep
from scanbank.store import Bank
from scanbank.store.annotate import AnnotateOptions, annotate
from scanbank.store.csv_table import TableOptions, read_table
from scanbank.store.errors import KeyMissingError, SnapshotGoneError, UsageError
from scanbank.store.feature_rows import FeatureRows
from scanbank.store.forget import forget, preview
from scanbank.store.ingest import ingest
from scanbank.store.schema import TABLES

pytestmark = pytest.mark.long

PATIENT = f"p{FORGOTTEN}"


def rows(bank: Bank, query: str) -> list[dict[str, Any]]:
    return bank.sql(query).to_pylist()


def ids_of(bank: Bank, patient: str) -> set[str]:
    """All pseudonyms of a patient's, found by SQL over the history."""
    volumes = f"SELECT volume FROM history_volumes WHERE patient_key = '{patient}' OR patient = '{patient}'"
    queries = (
        volumes,
        f"SELECT study FROM history_volumes WHERE volume IN ({volumes})",
        f"SELECT series FROM history_volumes WHERE volume IN ({volumes})",
        f"SELECT slice FROM history_slices WHERE volume IN ({volumes})",
        f"SELECT accession FROM history_studies WHERE patient = '{patient}'",
        f"SELECT snippet FROM history_snippets WHERE patient = '{patient}'",
    )
    return {patient} | {row[next(iter(row))] for query in queries for row in rows(bank, query)} - {None}


def ordinals_of(bank: Bank, patient: str) -> NDArray[np.int64]:
    volumes = f"SELECT volume FROM history_volumes WHERE patient_key = '{patient}' OR patient = '{patient}'"
    query = f"""SELECT ordinal FROM history_volumes WHERE volume IN ({volumes}) UNION
        SELECT ordinal FROM history_slices WHERE volume IN ({volumes}) UNION
        SELECT ordinal FROM history_snippets WHERE patient = '{patient}' ORDER BY 1"""
    return bank.sql(query).column("ordinal").to_numpy()


def tables_without(bank: Bank, ids: set[str]) -> dict[str, list[str]]:
    """Every row of every view and of the history that names none of the ids."""
    shown = {name: rows(bank, f'SELECT * FROM "{name}"') for table in TABLES for name in (table, f"history_{table}")}
    said = {name: [(str(row), set(re.split(r"[':]", str(row)))) for row in listed] for name, listed in shown.items()}
    return {name: sorted(text for text, words in listed if ids.isdisjoint(words)) for name, listed in said.items()}


def test_nothing_of_a_patient_is_left_in_any_byte_and_all_else_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanbank.store.vector_cache.LEAST_BYTES", 1)
    bank = patients_bank(tmp_path)
    for one in bank.feature_sets:
        one.vectors()
    assert any(path.suffix == ".npy" for path in bank.cache.iterdir())
    patient = bank.key.pseudonym("patient", PATIENT)
    ids, ordinals = ids_of(bank, patient), ordinals_of(bank, patient)
    assert len(ids) == 1 + 2 + 2 + 2 + 8 + 2 + 6  # the last: two reports of two sentences each
    assert len(ordinals) == 3 * 5 + 5 + 6  # of the scan that changed twice, of the other, of the two reports and their sentences
    failures = [row["source"] for row in rows(bank, "FROM failures")]
    left_out = [row["source"] for row in rows(bank, "FROM sources WHERE status = 'left_out'")]
    assert len(failures) == len(left_out) == 1
    vectors, others = vectors_of(bank, ordinals), vectors_of(bank, ordinals, others=True)
    twins = {key: vector for key, vector in vectors.items() if vector in others.values()}
    assert {name for name, _ in twins} == {one.name for one in bank.feature_sets if one.key.kind in ("slice", "volume", "depth")}
    assert len(twins) == 6
    contents = {row["content"] for row in rows(bank, "FROM history_contents") if row["volume"] in ids} - {None}
    contents -= {row["content"] for row in rows(bank, "FROM history_contents") if row["volume"] not in ids}
    assert len(contents) == 3
    needles = {f"id {name}": name.encode() for name in {*ids, *failures, *left_out, *contents}}
    needles |= {f"raw id {name}": bytes.fromhex(name) for name in ids}
    for (name, item), vector in vectors.items():
        if (name, item) not in twins:
            size = 400 if name.endswith("/depth") else len(vector)  # a vector a step
            needles |= {f"vector {name} {item} {at}": vector[at : at + size] for at in range(0, len(vector), size)}
    needles |= {f"ordinal {ordinal}": int(ordinal).to_bytes(8, "little") for ordinal in ordinals}
    needles |= {"report": b"quux5"}
    before = searched(bank.path, needles)
    assert {name for name in needles if name not in before and not name.startswith("raw")} == set()
    stays = tables_without(bank, ids | set(failures) | set(left_out))
    drawn = {row["draw"] for row in rows(bank, "FROM draws") if row["item"] in ids}
    hits = [hit for hit in found(bank) if hit[0] not in ordinals]
    tags = bank.tags

    would = preview(bank, [PATIENT])
    assert bank.tags == tags
    assert (would.volumes, would.studies, would.slices, would.snippets, would.tags) == (2, 2, 8, 6, ("held",))
    log = len(bank.log())
    report = forget(bank, [PATIENT])
    assert report.rows == would.rows
    assert sum(report.vectors.values()) == len(vectors)
    assert (report.tags, report.snapshots) == (("held",), log - 1)

    assert searched(bank.path, needles) == {}
    derived = [name for entry in bank.place.entries() if (name := entry.name).startswith(("indexes/", "forgetting/", "cache/"))]
    assert {Path(name).name for name in derived} <= {".lock", ".indexes.building", ".indexes.placing"}
    assert bank.tags == {"clean": tags["clean"]}
    assert [entry.message for entry in bank.log()] == ["forget", "ingest: 5 volumes"]
    assert vectors_of(bank, ordinals, others=True) == others
    after = tables_without(bank, set())
    for name, listed in stays.items():
        if name.endswith("draws"):
            assert after[name] == [row for row in listed if not any(f"'{draw}'" in row for draw in drawn)]
        else:
            assert after[name] == listed, name
    assert found(bank) == hits
    with sqlite3.connect(bank.local_map.path) as db:
        assert "/p5/" not in str([db.execute(f"SELECT * FROM {table}").fetchall() for table in ("files", "places", "paths")])
    assert b"/p5/" not in bank.local_map.path.read_bytes()
    assert embed(bank, Scatter()).volumes == embed(bank, open_encoder("intensity")).volumes == embed_texts(bank, Scatter()).snippets == 0
    assert sweep(bank, "bleed", ["knn"], [1, 2], repeats=2, allow_leak=True).rows
    assert len(rows(Bank.open(bank.path, at="clean"), "FROM volumes")) == 5


@pytest.fixture
def grouped(bank: Bank, tmp_path: Path) -> Bank:
    """p1 and p2 in one group, each with a scan; p3 beside them."""
    for i in (1, 2, 3):
        write_series(tmp_path / "scans" / str(i), n=3, patient_id=f"p{i}", study_uid=f"1.{i}", series_uid=f"1.{i}.1", seed=i)
    ingest(bank, [tmp_path / "scans"])
    path = tmp_path / "groups.csv"
    path.write_text("series_uid,group,bleed\n1.1.1,family,1\n1.2.1,family,0\n1.3.1,alone,1\n")
    annotate(bank, path, read_table(path, TableOptions(), want="labels"), AnnotateOptions())
    embed(bank, open_encoder("intensity"))
    return bank


def test_of_a_group_only_the_patients_own_scans_go(grouped: Bank) -> None:
    (group,) = {row["patient"] for row in rows(grouped, "SELECT patient FROM volumes GROUP BY patient HAVING count(*) = 2")}
    own = grouped.key.pseudonym("patient", "p1")
    report = forget(grouped, ["p1"])
    assert (report.volumes, report.studies, report.beside) == (1, 1, 1)
    left = rows(grouped, "SELECT patient, patient_key FROM volumes ORDER BY ordinal")
    assert [row["patient_key"] for row in left] == [grouped.key.pseudonym("patient", p) for p in ("p2", "p3")]
    assert left[0]["patient"] == group
    assert own not in str([rows(grouped, f'FROM "history_{table}"') for table in TABLES])
    assert sorted(row["status"] for row in rows(grouped, "FROM labels")) == ["absent", "present"]
    assert grouped.features("intensity/ctclip/slice").rows == 6


def test_a_group_is_erased_as_a_whole_by_its_pseudonym_alone(grouped: Bank) -> None:
    with pytest.raises(UsageError, match=r"name of a group.*--pseudonym"):
        forget(grouped, ["family"])
    (group,) = {row["patient"] for row in rows(grouped, "SELECT patient FROM volumes GROUP BY patient HAVING count(*) = 2")}
    assert forget(grouped, (), [group]).volumes == 2
    assert [row["patient_key"] for row in rows(grouped, "FROM volumes")] == [grouped.key.pseudonym("patient", "p3")]


def test_a_group_of_one_goes_with_its_patient(grouped: Bank) -> None:
    (alone,) = {row["patient"] for row in rows(grouped, "SELECT patient FROM volumes GROUP BY patient HAVING count(*) = 1")}
    forget(grouped, ["p3"])
    assert alone not in str([rows(grouped, f'FROM "history_{table}"') for table in TABLES])


def test_a_study_that_two_patients_share_stays_with_the_other(bank: Bank) -> None:
    ordinals = add_volumes(bank, ["ann", "bob"], studies=["shared", "shared"])
    for patient in ("bob", "ann"):
        with bank.commit("studies") as commit:
            commit.append("studies", [{"study": "shared", "patient": patient, "accession": "acc"}])
    add_labels(bank, "bleed", {"shared": "1"}, level="study")
    add_vectors(bank, VOLUME, ordinals, np.eye(8)[:2])
    report = forget(bank, (), ["ann"])
    assert (report.volumes, report.studies) == (1, 0)
    assert rows(bank, "SELECT study, patient, accession FROM studies") == [{"study": "shared", "patient": "bob", "accession": "acc"}]
    assert [(row["item"], row["status"]) for row in rows(bank, "FROM labels")] == [("v1", "present")]
    np.testing.assert_array_equal(bank.features(VOLUME.name).vectors(), np.eye(8)[1:2])
    assert "ann" not in str([rows(bank, f'FROM "history_{table}"') for table in TABLES])


def test_a_scan_whose_file_was_written_over_stays_hidden(bank: Bank) -> None:
    add_volumes(bank, ["ann", "bob"])
    with bank.commit("replaced") as commit:
        row = next(row for row in bank.snapshot.rows("volumes") if row["volume"] == "v0")
        commit.append("volumes", [row | {"replaced_by": "v1"}])
    bank.refresh()
    assert [row["volume"] for row in rows(bank, "FROM volumes")] == ["v1"]
    forget(bank, (), ["bob"])
    assert rows(bank, "FROM volumes") == []
    assert {row["volume"] for row in rows(bank, "FROM history_volumes")} == {"v0"}
    assert "v1" not in str(rows(bank, "FROM history_volumes"))


def test_draws_go_whole_and_runs_go_that_are_of_the_patient_alone(bank: Bank) -> None:
    add_volumes(bank, ["ann", "bob"])
    with bank.commit("results") as commit:
        commit.append("draws", [{"draw": d, "item": i} for d, i in (("both", "v0"), ("both", "v1"), ("bobs", "v1"))])
        settings = {"mixed": "{}", "anns": "{}", "named": '{"items":["v0"]}'}
        commit.append("runs", [{"run": run, "settings": text} for run, text in settings.items()])
        commit.append("metrics", [{"run": run, "metric": "auroc", "value": 0.5} for run in settings])
        of = (("mixed", "v0"), ("mixed", "v1"), ("anns", "v0"), ("named", "v1"))
        commit.append("predictions", [{"run": run, "item": item, "score": 1.0} for run, item in of])
    bank.refresh()
    forget(bank, (), ["ann"])
    assert [(row["draw"], row["item"]) for row in rows(bank, "FROM draws")] == [("bobs", "v1")]
    assert [row["run"] for row in rows(bank, "FROM runs")] == [row["run"] for row in rows(bank, "FROM metrics")] == ["mixed"]
    assert [(row["run"], row["item"]) for row in rows(bank, "FROM predictions")] == [("mixed", "v1")]


def test_scans_that_come_again_are_new(grouped: Bank, tmp_path: Path) -> None:
    before = set(rows(grouped, "SELECT list(ordinal) AS o FROM slices")[0]["o"])
    forget(grouped, ["p1"])
    assert ingest(grouped, [tmp_path / "scans"]).volumes == 1
    volume = rows(grouped, f"SELECT ordinal FROM volumes WHERE patient_key = '{grouped.key.pseudonym('patient', 'p1')}'")[0]
    assert volume["ordinal"] > max(before)
    assert embed(grouped, open_encoder("intensity")).volumes == 1


def test_who_is_unknown_is_said(bank: Bank, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    toy_bank(bank, 4)
    head = bank.snapshot.id
    for words, pattern in (((["nobody"],), "no patient of the bank has that id"), (((), ["ff"]), "--pseudonym ff"), ((), "whom to forget")):
        for call in (forget, preview):
            with pytest.raises(UsageError, match=pattern):
                call(bank, *words)
    with pytest.raises(UsageError, match="opened at"):
        forget(Bank.open(bank.path, at=head), (), ["p1"])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(KeyMissingError):
        forget(Bank.open(bank.path), ["p1"])
    assert Bank.open(bank.path).snapshot.id == head
    forget(Bank.open(bank.path), (), ["p1", "p2"])
    assert {row["patient"] for row in rows(Bank.open(bank.path), "FROM volumes")} == {"p0", "p3"}


def test_a_reader_of_what_was_forgotten_is_told_to_open_the_bank_again(bank: Bank) -> None:
    toy_bank(bank, 6)
    reader = Bank.open(bank.path)
    features = reader.features(SLICE.name)
    forget(bank, (), ["p1"])
    for read in (
        features.vectors,
        features.items,
        lambda: features.of(np.array([1])),
        lambda: reader.features(VOLUME.name).vectors(),
        lambda: reader.sql("FROM labels"),
        lambda: reader.snapshot.check("volumes"),
    ):
        with pytest.raises(SnapshotGoneError, match="forgotten or compacted meanwhile; open the bank again"):
            read()
    reader.refresh()
    assert reader.features(VOLUME.name).rows == 5


def test_a_writer_that_began_before_brings_nothing_back(bank: Bank) -> None:
    ordinals = add_volumes(bank, ["ann", "bob"])
    writer = Bank.open(bank.path)
    buffer = FeatureBuffer(writer, [VOLUME], present(writer, [VOLUME]), "embed")
    buffer.add(VOLUME, ordinals, FeatureRows(np.eye(8, dtype=np.float32)[:2]))
    for volume in ("v0", "v1"):
        buffer.add_row("contents", {"volume": volume, "content": volume})
        buffer.add_row("failures", {"stage": "embed", "source": f"{volume}:12345678", "reason": ""})
    forget(bank, (), ["ann"])
    buffer.flush()
    bank.refresh()
    assert bank.features(VOLUME.name).items().tolist() == [ordinals[1]]
    assert [row["volume"] for row in rows(bank, "FROM contents")] == ["v1"]
    assert [row["source"] for row in rows(bank, "FROM history_failures")] == ["v1:12345678"]


class Meanwhile:
    """A listener to a long job, during whose first step a patient is forgotten by another process."""

    def __init__(self, bank: Bank, patient: str) -> None:
        self._bank, self._patient = bank, patient

    def start(self, stage: str, total: int | None = None) -> None:
        del stage, total

    def advance(self, steps: int = 1, note: str = "") -> None:
        del steps, note
        if self._patient:
            forget(Bank.open(self._bank.path), (), [self._patient])
            self._patient = ""


def test_results_that_rest_on_the_forgotten_are_not_kept(bank: Bank) -> None:
    toy_bank(bank, 24)
    choice = FeatureChoice((VOLUME.name,))
    with pytest.raises(UsageError, match="a patient was forgotten meanwhile"):
        sweep(bank, "bleed", ["knn"], [1], choice=choice, progress=Meanwhile(bank, "p3"))
    assert "v3" not in {row["item"] for table in ("draws", "predictions", "splits") for row in rows(bank, f"FROM history_{table}")}
    assert sweep(bank, "bleed", ["knn"], [1], choice=choice).rows


@pytest.mark.slow
def test_on_an_object_store_nothing_is_left_in_any_object(s3_url: str, tmp_path: Path) -> None:
    bank = Bank.create(s3_url)
    bank.tag("clean")
    toy_bank(bank, 5)
    bank.tag("held")
    ordinals = np.array([4, 5, 6, 7])
    vectors, others = vectors_of(bank, ordinals), vectors_of(bank, ordinals, others=True)
    needles = {str(key): vector for key, vector in vectors.items()} | {"slice": b"v1s0"}
    reader = Bank.open(s3_url)
    assert set(searched(_downloaded(bank, tmp_path / "before"), needles)) == set(needles)
    assert forget(bank, (), ["p1"]).tags == ("held",)
    assert searched(_downloaded(bank, tmp_path / "after"), needles) == {}
    assert vectors_of(bank, ordinals, others=True) == others
    assert list(bank.tags) == ["clean"]
    with pytest.raises(SnapshotGoneError):
        reader.sql("FROM labels")
    assert sweep(toy_more(bank), "bleed", ["knn"], [1]).rows


def toy_more(bank: Bank) -> Bank:
    """Enough patients for a study, beside those that are there."""
    ordinals = add_volumes(bank, [f"q{i}" for i in range(20)], first=100, studies=[f"t{i}" for i in range(20)])
    add_labels(bank, "bleed", {f"v{100 + i}": str(i % 2) for i in range(20)})
    add_vectors(bank, VOLUME, ordinals, np.random.default_rng(9).normal(size=(20, 8)))
    add_vectors(bank, SLICE, (ordinals[:, None] + 1 + np.arange(3)).ravel(), np.random.default_rng(8).normal(size=(60, 4)))
    return bank


def _downloaded(bank: Bank, folder: Path) -> Path:
    for entry in bank.place.entries():
        path = folder / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bank.place.read(entry.name))
    return folder
