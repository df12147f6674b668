from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score, roc_curve
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

from eval_banks import SLICE, VOLUME, add_labels, add_vectors, add_volumes, toy_bank
from scanbank.eval.battery import METRICS
from scanbank.eval.feature_choice import FeatureChoice
from scanbank.eval.sweep import sweep
from scanbank.store import Bank
from scanbank.store.errors import UnknownNameError, UsageError


def youden(y: np.ndarray, score: np.ndarray) -> float:
    false, true, thresholds = roc_curve(y, score, drop_intermediate=False)
    return float(thresholds[np.argmax(np.round(true - false, 12))])


@pytest.mark.parametrize("head", ["linear", "knn"])
def test_a_sweep_is_what_a_plain_loop_of_scikit_learn_finds(bank: Bank, head: str) -> None:
    """From the stored draws and sides alone, with the vectors pooled here: the same predictions and the same metrics."""
    toy_bank(bank)
    result = sweep(bank, "bleed", [head], [1, 5, None], repeats=3)
    metrics = bank.sql("SELECT features, shots, repeat, metric, value FROM metrics").to_pylist()
    stored = {(m["features"], m["shots"], m["repeat"], m["metric"]): m["value"] for m in metrics}
    assert len(stored) == 2 * (3 + 3 + 1) * (len(METRICS) + 1)
    y = {r["item"]: int(r["value"]) for r in bank.sql("SELECT item, value FROM labels").to_pylist()}
    sides = {r["item"]: r["side"] for r in bank.sql("SELECT item, side FROM splits").to_pylist()}
    volumes = bank.sql("SELECT volume, ordinal FROM volumes ORDER BY ordinal").to_pylist()
    whole = bank.features(VOLUME.name).of(np.array([v["ordinal"] for v in volumes]))
    by_slice = [bank.features(SLICE.name).of(v["ordinal"] + 1 + np.arange(3)).mean(axis=0) for v in volumes]
    draws = defaultdict(list)
    for row in bank.sql("SELECT shots, repeat, item FROM draws").to_pylist():
        draws[row["shots"], row["repeat"]].append(row["item"])
    assert sorted((k or 0, r) for k, r in draws) == [(0, 0), *((k, r) for k in (1, 5) for r in range(3))]
    val, test = ([v["volume"] for v in volumes if sides[v["volume"]] == side] for side in ("val", "test"))
    for name, X in ((VOLUME.name, whole), (SLICE.name + "/mean", np.array(by_slice))):
        unit = dict(zip([v["volume"] for v in volumes], normalize(X.astype(np.float64)), strict=True))
        for (k, repeat), items in draws.items():
            assert all(sides[item] == "train" for item in items)
            support, labels = np.array([unit[i] for i in items]), np.array([y[i] for i in items])
            if k is not None:
                assert np.bincount(labels).tolist() == [k, k]
            if head == "linear":
                tuned = [unit[i] for i in val]
                path = [LogisticRegression(C=10.0**c, tol=1e-10, max_iter=10_000).fit(support, labels) for c in range(-2, 5)]
                # of equals max gives the first, the one of the strongest penalty
                model = max(path, key=lambda m: round(roc_auc_score([y[i] for i in val], m.decision_function(tuned)), 9))
                score = lambda of: model.decision_function([unit[i] for i in of])  # noqa: B023, E731
            else:
                model = KNeighborsClassifier(min(5, len(items)), metric="cosine", weights="distance").fit(support, labels)
                score = lambda of: 2 * model.predict_proba([unit[i] for i in of])[:, 1] - 1  # noqa: B023, E731
            truth, found = np.array([y[i] for i in test]), score(test)
            threshold = youden(np.array([y[i] for i in val]), score(val))
            expected = {
                "auroc": roc_auc_score(truth, found),
                "ap": average_precision_score(truth, found),
                "f1": f1_score(truth, found >= threshold - 1e-9),
                "threshold": threshold,
            }
            for metric, value in expected.items():
                assert stored[name, k, repeat, metric] == pytest.approx(value, abs=1e-5), (name, k, repeat, metric)
    of_five = [stored[VOLUME.name, 5, r, "auroc"] for r in range(3)]
    (row,) = [s for s in result.summary() if (s.features, s.shots, s.metric) == (VOLUME.name, 5, "auroc")]
    assert (row.mean, row.sd, row.values) == (pytest.approx(np.mean(of_five)), pytest.approx(np.std(of_five, ddof=1)), 3)


def test_predictions_give_the_metrics_and_all_of_it_is_one_commit(bank: Bank) -> None:
    toy_bank(bank)
    before = len(bank.log())
    result = sweep(bank, "bleed", ["cosine", "prototype"], [1, 5], repeats=2)
    assert len(bank.log()) == before + 1
    predictions = bank.sql("SELECT * FROM predictions WHERE shots = 5 AND repeat = 1 AND head = 'cosine' ORDER BY item").to_pylist()
    mine = [p for p in predictions if p["features"] == VOLUME.name]
    assert {p["run"] for p in mine} == {result.run}
    sides = {r["item"]: r["side"] for r in bank.sql("SELECT item, side FROM splits").to_pylist()}
    assert {p["item"] for p in mine} == {item for item, side in sides.items() if side == "test"}
    (metric,) = bank.sql(f"""SELECT value, encoder, "window", interval FROM metrics WHERE head = 'cosine' AND shots = 5 AND repeat = 1
        AND metric = 'auroc' AND features = '{VOLUME.name}'""").to_pylist()
    assert metric["value"] == pytest.approx(roc_auc_score([p["y"] for p in mine], [p["score"] for p in mine]), abs=1e-12)
    assert (metric["encoder"], metric["window"], metric["interval"]) == ("toy", "brain", "delong")
    (run,) = bank.sql("SELECT * FROM runs").to_pylist()
    settings = json.loads(run["settings"])
    assert (run["run"], run["command"], settings["seed"], settings["split"]) == (result.run, "sweep", 0, "patients-0")
    assert sum(side["present"] for side in settings["counts"].values()) == 20


def test_the_same_question_gives_the_same_run_and_another_seed_other_draws(bank: Bank) -> None:
    toy_bank(bank)
    first = sweep(bank, "bleed", ["cosine"], [5], repeats=2)
    counts = "SELECT (SELECT count(*) FROM metrics) AS m, (SELECT count(*) FROM predictions) AS p, (SELECT count(*) FROM draws) AS d"
    held = bank.sql(counts).to_pylist()
    again = sweep(bank, "bleed", ["cosine"], [5], repeats=2)
    assert (first.made, again.made) == (4, 0)
    assert again.run == first.run
    assert again.summary() == first.summary()
    assert bank.sql(counts).to_pylist() == held
    other = sweep(bank, "bleed", ["cosine"], [5], repeats=2, seed=1, split="patients-0")
    assert other.run != first.run
    assert bank.sql("SELECT count(DISTINCT draw) AS n FROM draws").to_pylist() == [{"n": 4}]


def test_draws_that_are_stored_serve_other_heads_and_sets(bank: Bank) -> None:
    toy_bank(bank)
    sweep(bank, "bleed", ["cosine"], [5], repeats=2, choice=FeatureChoice((VOLUME.name,)))
    held = bank.sql("SELECT draw, item FROM draws ORDER BY ALL").to_pylist()
    sweep(bank, "bleed", ["knn"], [5], repeats=2, choice=FeatureChoice((SLICE.name + "/max",)))
    assert bank.sql("SELECT draw, item FROM draws ORDER BY ALL").to_pylist() == held
    assert {r["features"] for r in bank.sql("SELECT features FROM metrics").to_pylist()} == {VOLUME.name, SLICE.name + "/max"}


def test_a_stored_draw_counts_however_it_would_be_drawn_now(bank: Bank) -> None:
    toy_bank(bank)
    sweep(bank, "bleed", ["cosine"], [1], repeats=1)
    (draw, *_) = bank.sql("SELECT * FROM draws").to_pylist()
    answer = bank.sql("""SELECT l.item, l.value FROM labels l JOIN splits s USING (item) WHERE s.side = 'train'
        AND l.item NOT IN (SELECT item FROM draws) ORDER BY l.item""").to_pylist()
    others = [next(r["item"] for r in answer if r["value"] == v) for v in (0, 1)]
    name = draw["draw"].rsplit("-", 1)[0] + "-1"  # of the second repeat, which nobody asked for yet
    with bank.commit("by hand") as commit:
        commit.append(
            "draws", [{"draw": name, "split": "patients-0", "finding": "bleed", "shots": 1, "repeat": 1, "item": o} for o in others]
        )
    bank.refresh()
    result = sweep(bank, "bleed", ["cosine"], [1], repeats=2, choice=FeatureChoice((VOLUME.name,)))
    X = bank.features(VOLUME.name)
    ordinals = {v["volume"]: v["ordinal"] for v in bank.sql("SELECT volume, ordinal FROM volumes").to_pylist()}
    absent, present = normalize(X.of(np.array([ordinals[o] for o in others])).astype(np.float64))
    test = [result.study.units.items[row] for row in result.study.split.side("test")]
    expected = normalize(X.of(np.array([ordinals[i] for i in test])).astype(np.float64)) @ (present - absent)
    answer = bank.sql(f"SELECT item, score FROM predictions WHERE features = '{VOLUME.name}' AND repeat = 1").to_pylist()
    found = {row["item"]: row["score"] for row in answer}
    np.testing.assert_allclose([found[item] for item in test], expected, atol=1e-12)


def test_slices_are_units_of_their_own(bank: Bank) -> None:
    ordinals = add_volumes(bank, [f"p{i}" for i in range(20)], slices=4)
    of_slices = (ordinals[:, None] + 1 + np.arange(4)).ravel()
    y = {f"v{i}s{k}": str(int(i % 2 == 0 and k > 1)) for i in range(20) for k in range(4)}
    add_labels(bank, "bleed", y, level="slice")
    add_vectors(bank, SLICE, of_slices, np.eye(4)[[int(v) for v in y.values()]])
    result = sweep(bank, "bleed", ["cosine"], [2], repeats=2)
    assert result.study.units.unit == "slice"
    assert {s.mean for s in result.summary() if s.metric in ("auroc", "ap", "f1")} == {1.0}
    sides = defaultdict(set)
    for item, side in zip(result.study.units.items, result.study.split.sides.tolist(), strict=True):
        sides[item.split("s")[0]].add(side)
    assert all(len(found) == 1 for found in sides.values())
    with pytest.raises(UsageError, match="no labels for each volume, only for each slice; ask for --unit slice"):
        sweep(bank, "bleed", ["cosine"], [2], unit="volume")


def test_a_test_side_of_one_class_has_a_reason_instead_of_a_number(bank: Bank) -> None:
    toy_bank(bank)
    rows = []
    for i in range(60):
        side = "test" if i % 3 and i < 20 else "val" if i < 30 else "train"
        rows.append({"split": "user", "item": f"v{i}", "level": "volume", "side": side})
    with bank.commit("split") as commit:
        commit.append("splits", rows)
    bank.refresh()
    result = sweep(bank, "bleed", ["cosine"], [1], repeats=2)
    assert result.study.split.name == "user"
    assert {(s.mean, s.sd, s.reason) for s in result.summary()} == {(None, None, "one class only: 0 of 13 are positive")}
    held = bank.sql("SELECT DISTINCT value, reason FROM metrics WHERE metric <> 'threshold'").to_pylist()
    assert held == [{"value": None, "reason": "one class only: 0 of 13 are positive"}]


def test_units_that_a_set_lacks_are_left_out_of_all_and_told_of(bank: Bank) -> None:
    n = 40
    ordinals = add_volumes(bank, [f"p{i}" for i in range(n)])
    y = np.arange(n) % 2
    add_labels(bank, "bleed", {f"v{i}": str(label) for i, label in enumerate(y)})
    add_vectors(bank, VOLUME, ordinals[:-2], np.eye(8)[y[:-2]])
    of_slices = (ordinals[:, None] + 1 + np.arange(3)).ravel()
    add_vectors(bank, SLICE, of_slices[1:], np.eye(4)[np.repeat(y, 3)][1:])  # one slice of the first volume is missing
    result = sweep(bank, "bleed", ["cosine"], [1, 5], repeats=2)
    assert len(result.study.units) == n - 3
    assert [r for r in result.remarks if "no vector" in r] == [
        "1 of 40 volumes have no vector in flat/brain/slice/mean (1 of 24 train): left out of all sets",
        "2 of 40 volumes have no vector in toy/brain/volume (1 of 24 train, 1 of 8 val): left out of all sets",
    ]


def test_intervals_stand_where_there_is_one_fit(bank: Bank) -> None:
    toy_bank(bank, gap=1.0)
    result = sweep(bank, "bleed", ["cosine"], [5, None], repeats=2)
    for row in result.summary():
        if row.shots is None:
            assert row.sd is None
            assert row.mean is not None
            assert row.lo is not None
            assert row.hi is not None
            assert row.lo <= row.mean <= row.hi
        else:
            assert row.lo is None
    kinds = bank.sql("SELECT DISTINCT shots, metric, interval FROM metrics WHERE lo IS NOT NULL").to_pylist()
    assert {(k["metric"], k["interval"]) for k in kinds if k["shots"] == 5} == {("auroc", "delong")}
    assert {(k["metric"], k["interval"]) for k in kinds if k["shots"] is None} == {(metric, "bootstrap") for metric in METRICS}


@pytest.mark.parametrize(
    ("words", "error", "pattern"),
    [
        ({"finding": "bleeds"}, UnknownNameError, "finding 'bleeds' is unknown; did you mean 'bleed'"),
        ({"heads": ["linaer"]}, UnknownNameError, "did you mean 'linear'"),
        ({"heads": []}, UsageError, "needs a finding, a head"),
        (
            {"shots": [1, 500]},
            UsageError,
            r"500 shots, .* are more than .* has: 24 volumes of 24 patients with 'bleed' absent and .*; ask for at most 12",
        ),
        ({"shots": [0]}, UsageError, "expected 1 or more"),
        ({"split": "patints-0"}, UnknownNameError, "did you mean 'patients-0'"),
        ({"unit": "voxel"}, UnknownNameError, "unit 'voxel'"),
        ({"unit": "slice"}, UsageError, "ask for --unit volume"),
        ({"source": "reader"}, UnknownNameError, "table"),
        ({"choice": FeatureChoice(("toy/brian/volume",))}, UnknownNameError, "did you mean 'toy/brain/volume'"),
        ({"choice": FeatureChoice(encoder="tiny")}, UnknownNameError, "flat, toy"),
        ({"choice": FeatureChoice(window="lung")}, UsageError, "there are: flat/brain/slice, toy/brain/volume"),
        ({"choice": FeatureChoice(pool="median")}, UnknownNameError, "max, mean"),
    ],
)
def test_each_mistake_is_told_and_leaves_the_bank_alone(bank: Bank, words: dict, error: type[Exception], pattern: str) -> None:
    toy_bank(bank)
    before = bank.snapshot.id
    asked = {"finding": "bleed", "heads": ["cosine"], "shots": [1], **words}
    with pytest.raises(error, match=pattern):
        sweep(bank, **asked)
    assert Bank.open(bank.path).snapshot.id == before


def test_a_bank_without_vectors_says_what_to_run(bank: Bank) -> None:
    add_volumes(bank, [f"p{i}" for i in range(20)])
    add_labels(bank, "bleed", {f"v{i}": str(i % 2) for i in range(20)})
    with pytest.raises(UsageError, match=r"has no feature set with vectors of volumes, it has none at all; make one with `scanbank embed"):
        sweep(bank, "bleed", ["cosine"], [1])
    add_vectors(bank, VOLUME, np.array([10_000]), np.ones((1, 8)))
    with pytest.raises(UsageError, match="none of the feature sets toy/brain/volume holds vectors of volumes"):
        sweep(bank, "bleed", ["cosine"], [1])


def test_real_vectors_of_slices(bank: Bank, shared_data: Path) -> None:
    """355 slices of 12 patients: a head that learned from all slices of some patients tells those of others better than chance."""
    path = shared_data / "embeddings" / "mobilenet_v1_ct_ich.npz"
    held = np.load(path)
    lines = (shared_data / "ct_ich" / "slice_labels.csv").read_text().splitlines()
    place = lines[0].split(",").index("hemorrhage")
    labels = {(a[0], int(a[1])): a[place] for a in (line.split(",") for line in lines[1:])}
    names = [(p.split("/")[0], int(p.split("/")[1].split(".")[0])) for p in held["path"].tolist()]
    patients = sorted({patient for patient, _ in names})
    add_volumes(bank, patients, slices=60)
    ordinals = {row["slice"]: row["ordinal"] for row in bank.sql("SELECT slice, ordinal FROM slices").to_pylist()}
    items = [f"v{patients.index(patient)}s{number}" for patient, number in names]
    add_labels(bank, "hemorrhage", {item: labels[name] for item, name in zip(items, names, strict=True)}, level="slice")
    key = type(SLICE)("slice", type(SLICE.encoder)("mobilenet", "1", 1024), SLICE.view)
    add_vectors(bank, key, np.array([ordinals[item] for item in items]), held["vector"])
    result = sweep(bank, "hemorrhage", ["linear", "prototype"], [10, None], repeats=3)
    assert any("training patients with 'hemorrhage'" in remark for remark in result.remarks)
    for row in result.summary():
        if row.metric == "auroc":
            assert row.mean is not None
            assert row.mean > 0.55, row
