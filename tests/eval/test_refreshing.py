"""Everything that one encoder has embedded is embedded by another, and an alias moves when it is whole, not before."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapted_encoders import adapted
from dicom_files import write_series
from scanbank.embed import open_encoder
from scanbank.embed.adapt.moving import Moving
from scanbank.embed.adapt.opening import within
from scanbank.embed.encoder import Encoded, Encoder
from scanbank.embed.pipeline import Outputs, embed
from scanbank.embed.texts import embed_texts
from scanbank.eval.children import keep_child
from scanbank.eval.prompt_vectors import keep_prompts, prompt_vectors
from scanbank.eval.prompts import Prompts
from scanbank.eval.refreshing import Refreshed, encoder_of_sets, refresh
from scanbank.eval.search import Asked, answer
from scanbank.store import Bank, EncoderSpec, ViewSpec, Window
from scanbank.store.errors import EncoderError, UnknownNameError, UsageError
from scanbank.store.ingest import ingest

BRAIN, LUNG = (ViewSpec((Window(*window),), spacing_mm=(2.0, 1.0, 1.0), shape=(4, 8, 8)) for window in ((0, 80), (-1000, 200)))


class Toy(Encoder):
    """Vectors of volumes, along depth, of slices and of texts, turned by a number of its own."""

    def __init__(self, name: str, *, texts: bool = True, slices: bool = True) -> None:
        self.spec = EncoderSpec(name, "1", 3)
        self.view = BRAIN
        self.offers = frozenset({"volume", *(["slice"] if slices else []), *(["text"] if texts else [])})
        self.channels = frozenset({1})
        self.gives_depth = True

    def _encode(self, side: Any, batch: Any) -> Encoded:
        turn = len(self.spec.name)
        if side == "text":
            return Encoded(np.stack([[len(text), turn, 1.0] for text in batch]).astype(np.float32))
        flat = batch.reshape(len(batch), -1)
        vector = np.stack([flat.mean(1), flat.std(1), np.full(len(flat), turn)], axis=1).astype(np.float32)
        if side == "slice":
            return Encoded(vector)
        return Encoded(vector, np.repeat(vector[:, None], batch.shape[2], 1), np.ones((len(batch), batch.shape[2]), bool))


@pytest.fixture
def scans(bank: Bank, tmp_path: Path) -> Bank:
    """Three scans; the old encoder has volumes of all of them under one window and of two under another, depth, slices, texts, prompts."""
    for i in range(3):
        write_series(tmp_path / "scans" / str(i), n=4, patient_id=f"p{i}", study_uid=f"1.{i}", series_uid=f"1.{i}.1", seed=i)
    ingest(bank, [tmp_path / "scans" / "0", tmp_path / "scans" / "1"])
    old = Toy("old")
    embed(bank, old, [LUNG], outputs=Outputs(depth=False))
    embed(bank, old, [ViewSpec(BRAIN.windows)], outputs=Outputs(slices=True))
    ingest(bank, [tmp_path / "scans" / "2"])
    embed(bank, old, [BRAIN])
    with bank.commit("snippets") as commit:
        row = {"study": "s", "patient": "p", "section": "findings", "position": 0, "language": "en"}
        commit.append("snippets", [row | {"snippet": "t", "ordinal": commit.reserve(1), "text": "No effusion."}])
    bank.refresh()
    embed_texts(bank, old)
    prompts = Prompts("bleed", ("There is a bleed.",), ("There is no bleed.",))
    with bank.commit("prompts") as commit:
        keep_prompts(bank, commit, [prompts], [(old, prompt_vectors(bank, old, [prompts]))])
    bank.refresh()
    return bank


def sets_of(bank: Bank, name: str) -> dict[tuple[str, str, str], list[int]]:
    found = (one for one in bank.feature_sets if one.key.encoder.name == name)
    return {(one.key.kind, one.key.view.digest, one.key.layer): sorted(one.items().tolist()) for one in found}


def done(bank: Bank, new: Encoder, **options: Any) -> Refreshed:
    return refresh(bank, encoder_of_sets(bank, "old"), new, **options)


def test_the_new_sets_hold_what_the_old_ones_held_and_nothing_more(scans: Bank) -> None:
    bank = scans
    before = sets_of(bank, "old")
    report = done(bank, Toy("newer"))
    assert sets_of(bank, "newer") == sets_of(bank, "old") == before
    assert (report.complete, report.encoded, report.lacking, report.aliases) == (True, 3 + 2 + 2, (), {})
    assert sorted((one.old, one.items, one.lacking) for one in report.sets) == sorted(
        (one.name, one.rows, 0) for one in bank.feature_sets if one.key.encoder.name == "old"
    )
    assert done(bank, Toy("newer")).encoded == 0


def test_an_alias_stays_until_the_new_set_is_whole_and_moves_to_the_one_beside(scans: Bank, tmp_path: Path) -> None:
    bank = scans
    old = next(one for one in bank.feature_sets if one.key.kind == "volume" and one.key.view == LUNG)
    bank.alias("production", old.name)
    shutil.move(tmp_path / "scans" / "1", tmp_path / "elsewhere")
    report = done(bank, Toy("newer"), aliases=["production"])
    (lacking,) = report.lacking
    assert (report.complete, report.aliases, report.waiting) == (False, {}, ("production",))
    assert "not" in lacking.reason
    assert "/scans/1" in lacking.path
    assert sorted(lacking.sets)[0].startswith("old/")
    assert bank.features("production").digest == old.digest
    shutil.move(tmp_path / "elsewhere", tmp_path / "scans" / "1")
    report = done(bank, Toy("newer"), aliases=["production"])
    assert (report.complete, report.encoded, report.waiting) == (True, 1 + 1 + 1, ())
    moved = bank.features("production")
    assert (moved.key.encoder.name, moved.key.view, moved.key.kind) == ("newer", LUNG, "volume")
    assert report.aliases == {"production": moved.name}
    assert done(bank, Toy("newer"), aliases=["production"]).aliases == report.aliases


def test_an_interrupted_refresh_is_gone_on_with(scans: Bank) -> None:
    class Stopped(Toy):
        def _encode(self, side: Any, batch: Any) -> Encoded:
            if side != "text" and any(one.key.encoder.name == "newer" for one in scans.feature_sets):
                raise KeyboardInterrupt
            scans.refresh()
            return super()._encode(side, batch)

    first = done(scans, Stopped("newer"), aliases=["production"])
    assert (first.interrupted, first.complete, first.aliases, first.waiting) == (True, False, {}, ("production",))
    assert "production" not in scans.aliases
    second = done(scans, Toy("newer"), aliases=["production"])
    assert second.complete
    assert first.encoded + second.encoded == 3 + 2 + 2
    assert sets_of(scans, "newer") == sets_of(scans, "old")


def test_it_moves_without_what_is_lost_where_that_is_asked_for(scans: Bank, tmp_path: Path) -> None:
    bank = scans
    shutil.rmtree(tmp_path / "scans" / "0")
    report = done(bank, Toy("newer"), aliases=["production"], allow_missing=True)
    assert not report.complete
    assert bank.features("production").key.encoder.name == "newer"
    assert len(report.lacking) == 1


def test_where_no_file_is_left_all_are_listed_and_the_old_vectors_stay(
    scans: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = scans
    before = sets_of(bank, "old")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another machine"))
    report = done(Bank.open(bank.name), Toy("newer"), aliases=["production"])
    assert {one.reason for one in report.lacking} == {"its files are not known on this machine"}
    assert len(report.lacking) == 3
    bank.refresh()
    assert sets_of(bank, "old") == before
    assert "production" not in bank.aliases


def test_a_new_alias_stands_for_the_set_of_the_encoders_own_view(scans: Bank) -> None:
    report = done(scans, Toy("newer"), aliases=["production"])
    assert scans.features("production").key.view == BRAIN
    assert report.aliases == {"production": scans.features("production").name}
    other = Toy("other")
    other.view = replace(BRAIN, shape=(1, 2, 2))
    with pytest.raises(
        UsageError, match=r"alias 'second' is new, and could stand for several sets \(.*\); say which: `scanbank alias BANK"
    ):
        done(scans, other, aliases=["second"])
    with pytest.raises(UsageError, match=r"stands for newer/.* which is not of old"):
        done(scans, other, aliases=["production"])
    with pytest.raises(UsageError, match="alias 'a b'"):
        done(scans, other, aliases=["a b"])


def test_what_cannot_be_refreshed_is_said_before_anything_is_encoded(scans: Bank) -> None:
    with pytest.raises(UsageError, match="refreshed by itself"):
        done(scans, Toy("old"))
    with pytest.raises(EncoderError, match="'mute' has no text side, and old has vectors of texts"):
        done(scans, Toy("mute", texts=False))
    with pytest.raises(EncoderError, match="takes volumes alone"):
        done(scans, Toy("whole", slices=False))
    with pytest.raises(UsageError, match="has no vectors by newer"):
        refresh(scans, Toy("newer").spec, Toy("old"))
    with pytest.raises(UnknownNameError, match="encoder of a feature set 'olds' is unknown; did you mean 'old'"):
        encoder_of_sets(scans, "olds")
    assert encoder_of_sets(scans, Toy("old").spec.digest[:8]) == Toy("old").spec
    assert sets_of(scans, "mute") == sets_of(scans, "whole") == {}


def test_a_search_by_alias_is_of_one_encoder_before_during_and_after(scans: Bank) -> None:
    toys = {name: Toy(name) for name in ("old", "newer")}

    def by() -> set[str]:
        found = answer(scans, Asked("effusion", features=("production",)), opened_by=toys.__getitem__)
        return {one.features.key.encoder.name for one in found.chosen} | {one.texts.key.encoder.name for one in found.chosen if one.texts}

    scans.alias("production", next(one.name for one in scans.feature_sets if one.key.kind == "volume" and one.key.view == BRAIN))
    assert by() == {"old"}
    embed(scans, toys["newer"], [BRAIN])  # a refresh that was interrupted: texts are lacking
    assert by() == {"old"}
    done(scans, toys["newer"], aliases=["production"])
    assert by() == {"newer"}
    of_texts = answer(scans, Asked("effusion", features=("production",), find="snippet"), opened_by=toys.__getitem__)
    assert of_texts.chosen[0].features.name == "newer/text"
    with pytest.raises(UsageError, match="both encoders and feature sets are named"):
        answer(scans, Asked("effusion", features=("production",), encoders=("old",)), opened_by=toys.__getitem__)


def test_a_child_of_tiny_takes_its_place(bank: Bank, tmp_path: Path) -> None:
    write_series(tmp_path / "scans", n=4)
    ingest(bank, [tmp_path / "scans"])
    small = ViewSpec((Window(-1000, 200),), spacing_mm=(2.0, 1.0, 1.0), shape=(16, 24, 32))
    tiny = open_encoder("tiny")
    embed(bank, tiny, [small])
    keep_child(bank, adapted("child", moving=Moving("partial", layers="upper:1")), [])
    report = refresh(bank, tiny.spec, within(bank)("adapted:child"), aliases=["production"])
    assert report.complete
    assert bank.features("production").name == f"adapted:child/{small.label}/volume"
    old, new = (bank.features(f"{name}/{small.label}/volume").vectors() for name in ("tiny@1", "adapted:child"))
    assert old.shape == new.shape
    assert np.abs(old - new).max() > 1e-3
