"""Heads that a probe saved give the scores that it kept, on the features that they were fitted on and on no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval_banks import SLICE, VOLUME, add_labels, add_vectors, add_volumes, toy_bank
from scanbank.eval.applying import apply_head
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.measuring import Measuring
from scanbank.eval.sweep import Protocol, sweep_all
from scanbank.heads import FittedHead, KNNHead
from scanbank.heads.card import HeadFileError
from scanbank.store import Bank
from scanbank.store.errors import UsageError

PLAIN = ["linear", "lowshot_lipro", "linear_cls", "cosine", "knn", "knn_l2", "prototype", "ridge", "lda"]
ON_BAGS = ["mean_probability", "max", "flatten"]


def probed(
    bank: Bank, folder: Path, heads: list[str], how: Measuring | None = None, features: tuple[str, ...] = ()
) -> dict[str, FittedHead]:
    """Saved heads by the name of their folder."""
    protocol = Protocol(measuring=how or Measuring(intervals="none"))
    results = sweep_all(bank, ["bleed"], heads, [None], 1, protocol=protocol, choice=FeatureChoice(features), command="probe", save=folder)
    saved = [Path(path) for result in results for path in result.saved]
    assert sorted(saved) == sorted(folder.iterdir())
    return {path.name: FittedHead.load(path) for path in saved}


@pytest.mark.parametrize("calibration", ["none", "platt"])
def test_scores_are_those_that_were_kept(bank: Bank, tmp_path: Path, calibration: str) -> None:
    toy_bank(bank)
    how = Measuring(intervals="none", threshold="sensitivity=0.75", calibration=calibration)
    saved = probed(bank, tmp_path / "heads", [*PLAIN, *ON_BAGS], how)
    assert len(saved) == 2 * len(PLAIN) + len(ON_BAGS)
    for head in saved.values():
        found = apply_head(bank, head)
        assert len(found.items) == 60
        assert found.called is not None
        score, chance, called = (dict(zip(found.items, of, strict=True)) for of in (found.scores, found.probabilities, found.called))
        where = f"head = '{head.card['head']}' AND features = '{head.card['features']}'"
        (cut,) = bank.sql(f"SELECT value FROM metrics WHERE metric = 'threshold' AND {where}").to_pylist()
        kept = bank.sql(f"SELECT item, score, probability FROM predictions WHERE {where}").to_pylist()
        assert len(kept) == 12
        for row in kept:
            assert score[row["item"]] == pytest.approx(row["score"], abs=1e-9, rel=1e-9)
            assert chance[row["item"]] == pytest.approx(row["probability"], abs=1e-9)
            assert called[row["item"]] == (score[row["item"]] >= head.card["threshold"]["value"])
        assert head.card["threshold"]["value"] == pytest.approx(cut["value"], abs=1e-9, rel=1e-9)
        assert head.card["threshold"]["rule"] == "sensitivity=0.75"
        assert (head.card["calibrator"] or {"calibrator": "none"})["calibrator"] == calibration


def test_a_card_says_what_the_head_is_of_and_no_item(bank: Bank, tmp_path: Path) -> None:
    toy_bank(bank)
    probed(bank, tmp_path / "heads", ["linear"], features=(VOLUME.name,))
    text = (tmp_path / "heads" / "bleed.linear.toy-brain-volume" / "card.json").read_text("utf-8")
    card = json.loads(text)["card"]
    assert {name: card[name] for name in ("finding", "head", "features", "unit", "labels", "split", "learned_from")} == {
        "finding": "bleed",
        "head": "linear",
        "features": VOLUME.name,
        "unit": "volume",
        "labels": "table",
        "split": "patients-0",
        "learned_from": {"absent": 24, "present": 12},
    }
    (run,) = bank.sql("SELECT run FROM runs").to_pylist()
    assert card["run"] == run["run"]
    assert str(tmp_path) not in text
    assert not any(f'"{name}{i}"' in text for name in "pv" for i in range(60))


def test_a_probe_that_was_done_saves_without_fitting_its_cells_again(bank: Bank, tmp_path: Path) -> None:
    toy_bank(bank)
    first = sweep_all(bank, ["bleed"], ["cosine"], [None], 1, command="probe")
    again = sweep_all(bank, ["bleed"], ["cosine"], [None], 1, command="probe", save=tmp_path / "heads")
    assert (first[0].made, again[0].made, len(again[0].saved)) == (2, 0, 2)


def test_routers_need_no_sources_to_score(bank: Bank, tmp_path: Path) -> None:
    toy_bank(bank)
    rows = [{"item": f"v{i}", "level": "volume", "name": "site", "value": "ab"[i % 2], "source": "table"} for i in range(60)]
    with bank.commit("sites") as commit:
        commit.append("attributes", rows)
    bank.refresh()
    (head,) = probed(bank, tmp_path / "heads", ["router"], features=(VOLUME.name,)).values()
    found = apply_head(bank, head)
    kept = {row["item"]: row["score"] for row in bank.sql("SELECT item, score FROM predictions").to_pylist()}
    score = dict(zip(found.items, found.scores.tolist(), strict=True))
    assert {item: score[item] for item in kept} == pytest.approx(kept, abs=1e-9)


def test_scans_that_came_later_are_scored_and_those_without_vectors_counted(bank: Bank, tmp_path: Path) -> None:
    toy_bank(bank)
    (head,) = probed(bank, tmp_path / "heads", ["linear"], features=(VOLUME.name,)).values()
    ordinals = add_volumes(bank, ["p98", "p99"], first=98)
    add_vectors(bank, VOLUME, ordinals[:1], np.full((1, 8), 9.0))
    found = apply_head(bank, head)
    assert (len(found.items), found.without) == (61, 1)
    assert (found.items[-1], found.patients[-1]) == ("v98", "p98")
    assert found.scores[-1] == pytest.approx(head.estimator.decision_function(np.full((1, 8), 9.0))[0], abs=1e-12)


def test_slices_are_scored_by_heads_of_slices(bank: Bank, tmp_path: Path) -> None:
    toy_bank(bank)
    add_labels(bank, "bleed", {f"v{i}s{k}": str(int(i % 3 == 0)) for i in range(60) for k in range(3)}, level="slice")
    protocol = Protocol(unit="slice", measuring=Measuring(intervals="none"))
    (result,) = sweep_all(bank, ["bleed"], ["ridge"], [None], 1, protocol=protocol, command="probe", save=tmp_path / "heads")
    found = apply_head(bank, FittedHead.load(Path(result.saved[0])))
    assert (found.unit, found.features, len(found.items)) == ("slice", SLICE.name, 180)
    kept = {row["item"]: row["score"] for row in bank.sql("SELECT item, score FROM predictions").to_pylist()}
    score = dict(zip(found.items, found.scores.tolist(), strict=True))
    assert {item: score[item] for item in kept} == pytest.approx(kept, abs=1e-9)


def test_other_features_are_refused_with_both_keys(bank: Bank, tmp_path: Path) -> None:
    toy_bank(bank)
    (head,) = probed(bank, tmp_path / "heads", ["linear"], features=(VOLUME.name,)).values()
    with pytest.raises(UsageError, match=rf"key {VOLUME.digest[:8]}.*cannot score 'flat/brain/slice' \(key {SLICE.digest[:8]}\)"):
        apply_head(bank, head, SLICE.name)
    other = Bank.create(tmp_path / "other")
    add_vectors(other, SLICE, add_volumes(other, ["p"]) + 1, np.ones((1, 4)))
    with pytest.raises(UsageError, match=rf"key {VOLUME.digest[:8]}\), and the bank's feature sets of volumes are .*{SLICE.digest[:8]}"):
        apply_head(other, head)
    pooled = probed(bank, tmp_path / "pooled", ["linear"], features=(f"{SLICE.name}/max",))["bleed.linear.flat-brain-slice-max"]
    assert apply_head(bank, pooled).features == f"{SLICE.name}/max"
    with pytest.raises(UsageError, match=r"'flat/brain/slice/max' .*cannot score 'flat/brain/slice/mean'"):
        apply_head(bank, pooled, f"{SLICE.name}/mean")


def test_nothing_is_fitted_where_it_cannot_be_saved(bank: Bank, tmp_path: Path) -> None:
    toy_bank(bank)
    for heads, shots, folder, message in (
        (["cosine"], [1], "heads", "no head to save"),
        (["fusion"], [None], "heads", "head 'fusion' learns from several feature sets, and a saved head is of one"),
        (["cosine"], [None], "there", "exists already"),
    ):
        (tmp_path / "there" / "bleed.cosine.toy-brain-volume").mkdir(parents=True, exist_ok=True)
        with pytest.raises(UsageError, match=message):
            sweep_all(bank, ["bleed"], heads, shots, 1, save=tmp_path / folder)
    assert bank.sql("SELECT count(*) AS n FROM metrics").to_pylist() == [{"n": 0}]


def test_a_validation_side_of_one_class_leaves_the_head_without_a_threshold(bank: Bank, tmp_path: Path) -> None:
    toy_bank(bank)
    with bank.commit("sides") as commit:
        sides = ["val" if i % 3 == 1 and i < 30 else "test" if i % 2 else "train" for i in range(60)]
        commit.append("splits", [{"split": "user", "item": f"v{i}", "level": "volume", "side": side} for i, side in enumerate(sides)])
    bank.refresh()
    (head,) = probed(bank, tmp_path / "heads", ["linear"], Measuring(calibration="platt"), (VOLUME.name,)).values()
    assert (head.card["threshold"], head.card["calibrator"]) == (None, None)
    assert head.card["lacking"] == "validation side: one class only: 0 of 10 are positive"
    assert apply_head(bank, head).called is None


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"unit": "patient"}, "unit 'patient'; volume or slice is wanted"),
        ({"threshold": {"value": "high"}}, "threshold 'high'; a number is wanted"),
        ({"threshold": {"value": True}}, "a number is wanted"),
        ({"calibrator": {"calibrator": "plat"}}, "did you mean 'platt'"),
        ({"calibrator": "platt"}, "cannot be read"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(bank: Bank, card: dict[str, Any], message: str) -> None:
    X, y = np.eye(8), np.arange(8) % 2
    with pytest.raises(HeadFileError, match=message):
        apply_head(bank, FittedHead(KNNHead().fit(X, y), VOLUME, card))


def test_heads_of_several_classes_are_refused(bank: Bank) -> None:
    head = FittedHead(KNNHead().fit(np.eye(8), np.arange(8) % 3), VOLUME)
    with pytest.raises(UsageError, match="tells 3 classes or findings apart"):
        apply_head(bank, head)
