"""Banks without scans: items made of keys, which labels then reach, and which nothing takes for scans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from exchange_files import vectors, write
from scanbank.embed import open_encoder
from scanbank.embed.pipeline import embed
from scanbank.eval.sweep import sweep
from scanbank.store import Bank
from scanbank.store.annotate import AnnotateOptions, AnnotateReport, annotate
from scanbank.store.csv_table import TableOptions, read_table
from scanbank.store.errors import ExchangeError, UsageError
from scanbank.store.exchange import ImportOptions, ImportReport, SourceOptions, import_vectors, open_source
from scanbank.store.ingest import ingest
from scanbank.store.status import overview


def take(bank: Bank, path: Path, kind: str, key: str, **options: Any) -> ImportReport:
    source = open_source(path, SourceOptions(key, by_slice=kind == "slice"))
    return import_vectors(bank, source, ImportOptions("net", kind, key, create_items=True, **options))


def label(bank: Bank, folder: Path, text: str) -> AnnotateReport:
    (folder / "labels.csv").write_text(text)
    table = read_table(folder / "labels.csv", TableOptions(), want="labels")
    return annotate(bank, folder / "labels.csv", table, AnnotateOptions())


KEYS = {"path": "path", "accession": "accession", "series": "series_uid", "study": "study_uid", "patient": "patient_id"}


@pytest.mark.parametrize("kind", ["volume", "slice"])
@pytest.mark.parametrize("key", list(KEYS))
def test_labels_reach_items_by_the_same_key(bank: Bank, tmp_path: Path, key: str, kind: str) -> None:
    names = [f"case{i}.png" for i in range(3)]
    done = take(bank, write(tmp_path / "v.npz", vectors(3), key=names), kind, key)
    assert (done.added, done.created) == (3, 3)
    assert label(bank, tmp_path, f"{KEYS[key]},f\n" + "".join(f"{name},{i % 2}\n" for i, name in enumerate(names))).unmatched == ()
    rows = bank.sql(
        f"""SELECT l.value, n.vector, v.slices, v.is_primary, v.kind FROM labels l JOIN volumes v ON v.volume = l.item
        JOIN "net/unknown/{kind}" n ON {"n.item" if kind == "volume" else "n.volume"} = v.volume ORDER BY v.ordinal"""
    ).to_pylist()
    assert [row["value"] for row in rows] == [0, 1, 0]
    np.testing.assert_array_equal([row["vector"] for row in rows], vectors(3))
    assert {(row["slices"], row["is_primary"], row["kind"]) for row in rows} == {(1, True, "declared")}
    counts = bank.sql(
        "SELECT count(DISTINCT patient) AS p, count(DISTINCT study) AS s, count(DISTINCT series) AS e FROM volumes"
    ).to_pylist()
    assert counts == [{"p": 3, "s": 3, "e": 3}]


def test_importing_again_makes_nothing(bank: Bank, tmp_path: Path) -> None:
    path = write(tmp_path / "v.npz", vectors(3), path=["a", "b", "c"])
    take(bank, path, "slice", "path")
    before = bank.log()[0].snapshot
    again = take(bank, path, "slice", "path")
    assert (again.added, again.present, again.created) == (0, 3, 0)
    assert bank.log()[0].snapshot == before
    bank.local_map.path.unlink()  # as on another machine
    elsewhere = Bank.open(bank.path)
    assert take(elsewhere, path, "slice", "path").present == 3


def test_a_second_encoder_shares_the_items(bank: Bank, tmp_path: Path) -> None:
    take(bank, write(tmp_path / "v.npz", vectors(2), accession=["A", "B"]), "slice", "accession")
    done = take(bank, write(tmp_path / "w.npz", vectors(3, 8), accession=["A", "B", "C"]), "slice", "accession", version="2")
    assert (done.added, done.created) == (3, 1)
    assert bank.sql("SELECT count(*) AS n FROM volumes").to_pylist() == [{"n": 3}]


def test_rows_may_be_slices_of_one_item(bank: Bank, tmp_path: Path) -> None:
    path = write(tmp_path / "v.npz", vectors(4), accession=["A", "B", "A", "A"], index=[0, 0, 2, 1])
    assert take(bank, path, "slice", "accession").created == 2
    rows = bank.sql(
        'SELECT v.slices, n.index, n.vector FROM "net/unknown/slice" n JOIN volumes v USING (volume) ORDER BY v.slices, n.index'
    )
    assert rows.select(["slices", "index"]).to_pylist() == [{"slices": s, "index": i} for s, i in ((1, 0), (3, 0), (3, 1), (3, 2))]
    np.testing.assert_array_equal(rows.column("vector").to_pylist(), vectors(4)[[1, 0, 3, 2]])


def test_groups_come_with_labels(bank: Bank, tmp_path: Path) -> None:
    take(bank, write(tmp_path / "v.npz", vectors(4), path=["a", "b", "c", "d"]), "slice", "path")
    label(bank, tmp_path, "path,group,f\na,x,0\nb,x,1\nc,y,0\nd,y,1\n")
    assert bank.sql("SELECT count(DISTINCT patient) AS n FROM volumes").to_pylist() == [{"n": 2}]


def test_reports_and_vectors_of_one_accession_are_one_study(bank: Bank, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("accession,patient_id,report\nA,p,Clear.\n")
    table = read_table(tmp_path / "r.csv", TableOptions(), want="reports")
    annotate(bank, tmp_path / "r.csv", table, AnnotateOptions(create_studies=True))
    take(bank, write(tmp_path / "v.npz", vectors(2), accession=["A", "B"]), "volume", "accession")
    sections = "SELECT * FROM snippets WHERE part = 'section'"
    rows = bank.sql(f"SELECT s.text, v.patient = s.patient AS same FROM volumes v LEFT JOIN ({sections}) s USING (study) ORDER BY s.text")
    assert rows.to_pylist() == [{"text": "Clear.", "same": True}, {"text": None, "same": None}]


def test_a_sweep_and_a_status_on_vectors_alone(bank: Bank, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = rng.normal(size=(60, 8)) + 3 * y[:, None]
    take(bank, write(tmp_path / "v.npz", X, path=[f"{i}.png" for i in range(60)]), "slice", "path")
    label(bank, tmp_path, "path,f\n" + "".join(f"{i}.png,{y[i]}\n" for i in range(60)))
    (row,) = (r for r in sweep(bank, "f", ["linear"], [5], 3).summary() if r.metric == "auroc")
    assert row.features == "net/unknown/slice/mean"
    assert row.mean is not None
    assert row.mean > 0.95
    shown = overview(bank)
    assert shown["items"] == {"patients": 60, "studies": 60, "volumes": 60, "slices": 60, "snippets": 0}
    assert shown["feature_sets"][0]["declared"] is True


def test_embed_passes_over_items_without_scans(bank: Bank, tmp_path: Path) -> None:
    take(bank, write(tmp_path / "v.npz", vectors(1), path=["a.png"]), "slice", "path")
    with pytest.raises(UsageError, match="holds no volumes"):
        embed(bank, open_encoder("intensity"), [])
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "b.png")
    ingest(bank, [tmp_path / "b.png"], images="each")
    done = embed(bank, open_encoder("intensity"), [replace(open_encoder("intensity").view, windows=())])
    assert (done.volumes, done.failed, done.reasons) == (1, 0, {})


def test_scans_take_the_place_of_items_at_their_paths(bank: Bank, tmp_path: Path) -> None:
    path = write(tmp_path / "v.npz", vectors(1), path=["a.png"])
    take(bank, path, "slice", "path")
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "a.png")
    ingest(bank, [tmp_path / "a.png"], images="each")
    assert bank.sql("SELECT kind FROM volumes").to_pylist() == [{"kind": "image"}]
    done = take(bank, path, "slice", "path")
    assert (done.added, done.created) == (1, 0)
    assert bank.sql('SELECT count(*) AS n FROM "net/unknown/slice"').to_pylist() == [{"n": 1}]


@pytest.mark.parametrize(("kind", "key"), [("volume", "volume"), ("volume", "ordinal"), ("slice", "slice"), ("text", "study")])
def test_keys_of_which_no_item_is_made(bank: Bank, tmp_path: Path, kind: str, key: str) -> None:
    before = bank.log()[0].snapshot
    with pytest.raises(ExchangeError, match="--create-items makes scans of keys path, accession, series, study, patient"):
        take(bank, write(tmp_path / "v.npz", vectors(1), id=["1"]), kind, key)
    assert bank.log()[0].snapshot == before


def test_keys_stay_out_of_the_bank(bank: Bank, tmp_path: Path) -> None:
    secret = "CANARY-7731"
    for key in KEYS:
        take(bank, write(tmp_path / "v.npz", vectors(1), key=[f"{secret}-{key}"]), "volume", key, version=key)
    for file in bank.path.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()
    assert secret not in str(bank.sql("SELECT * FROM volumes").to_pylist()) + str(bank.sql("SELECT * FROM studies").to_pylist())
    assert secret not in str(bank.log())
