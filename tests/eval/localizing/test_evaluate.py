from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from eval_banks import add_vectors, add_volumes
from scanbank.embed.encoder import Encoded, Encoder
from scanbank.eval.localizing import localization, localize
from scanbank.eval.localizing.examples import examples, without
from scanbank.eval.report import report
from scanbank.eval.trained_items import declare_trained_items
from scanbank.heads.localizer import Localizer
from scanbank.store import Bank, EncoderSpec, FeatureKey, ViewSpec, Window
from scanbank.store.errors import EncoderError, UnknownNameError, UsageError

SLICES = 20
LEVELS = FeatureKey("slice", EncoderSpec("reader", "1", SLICES + 1), ViewSpec((Window(0, 80),)))
WORDS = [f"sign{n}" for n in range(SLICES)]


class Reader(Encoder):
    """A text is the axis of the sign that it names, plus the last axis where it still names an image."""

    def __init__(self, *sides: Any, version: str = "1") -> None:
        self.spec = EncoderSpec("reader", version, SLICES + 1)
        self.view, self.channels, self.offers = LEVELS.view, frozenset({1}), frozenset(sides or ("slice", "text"))
        self.texts: list[str] = []

    def _encode(self, side: Any, batch: Any) -> Encoded:
        assert side == "text"
        self.texts += batch
        rows = [[float(word in text.replace(".", " ").split()) for word in WORDS] + [float("image" in text)] for text in batch]
        return Encoded(np.array(rows, dtype=np.float32))


def signs(bank: Bank, patients: int = 40, *, truth: bool = True) -> None:
    """A scan a patient, slices 5 mm apart, each with a sign of its own in a random order; a report that names the slice of one."""
    rng = np.random.default_rng(0)
    ordinals = add_volumes(bank, [f"p{n}" for n in range(patients)], slices=SLICES)
    shown = np.stack([rng.permutation(SLICES) for _ in range(patients)])
    with bank.commit("heights") as commit:
        commit.append(
            "slices",
            [
                {"slice": f"v{n}s{k}", "ordinal": int(ordinals[n]) + 1 + k, "volume": f"v{n}", "index": k, "z_mm": 5.0 * k, "number": k + 1}
                for n in range(patients)
                for k in range(SLICES)
            ],
        )
        first = commit.reserve(2 * patients)
        rows: list[dict[str, Any]] = []
        pointers: list[dict[str, Any]] = []
        for n in range(patients):
            image = int(rng.integers(SLICES))
            sign = WORDS[shown[n, image] if truth else rng.integers(SLICES)]
            text = f"There is {sign} (image {image + 1})."
            told = {"study": f"s{n}", "patient": f"p{n}", "section": "findings", "position": 0}
            start = text.index("image")
            rows += [
                told | {"snippet": f"t{n}", "ordinal": first + 2 * n, "text": text},
                told | {"snippet": f"t{n}.0", "ordinal": first + 2 * n + 1, "sentence": 0, "start": 0, "stop": len(text)},
            ]
            place = {"start": start, "stop": len(text) - 2, "first_image": image + 1, "last_image": image + 1, "other_exam": False}
            pointers.append({"snippet": f"t{n}.0", "study": f"s{n}", "section": "findings", "position": 0, "number": 0} | place)
        commit.append("snippets", rows)
        commit.append("references", pointers)
    bank.refresh()
    of_slices = (ordinals[:, None] + 1 + np.arange(SLICES)).ravel()
    apart = np.subtract.outer(np.arange(SLICES), np.arange(SLICES))
    spread = np.exp(-((5.0 * apart / 10.0) ** 2) / 2) @ np.eye(SLICES)[shown]  # neighbours show some of each other's
    vectors = np.concatenate([spread.reshape(-1, SLICES), np.full((len(of_slices), 1), 0.2)], axis=1)
    add_vectors(bank, LEVELS, of_slices, vectors)


def values(result: Any) -> dict[str, dict[str, float]]:
    return {found.method: {one.name: one.value for one in found.measures} for found in result.rows}


def test_a_reader_that_knows_finds_each_slice_and_baselines_are_exact(bank: Bank) -> None:
    signs(bank)
    reader = Reader()
    result = localization(bank, opened_by=lambda _: reader)
    assert not any("image" in text for text in reader.texts)  # the answer is not read out
    assert len(reader.texts) == len(set(reader.texts))
    found = values(result)
    assert found["cosine"]["hit_5mm"] == 1  # of a slice at an end, the neighbour may be as near
    assert found["cosine"]["mae_mm"] < 1
    assert found["localizer"]["mae_mm"] < 0.25 * found["middle_slice"]["mae_mm"]
    tested = bank.sql("SELECT item FROM latest_splits WHERE side = 'test'").column(0).to_pylist()
    targets = {
        row["study"]: row["z_mm"]
        for row in bank.sql('SELECT study, z_mm FROM "references"').to_pylist()
        if f"p{row['study'][1:]}" in tested
    }
    heights = 5.0 * np.arange(SLICES)
    apart = np.array([np.abs(heights - z) for z in targets.values()])
    assert result.settings["counts"]["test"]["sentences"] == len(targets) > 4
    assert found["random_slice"]["mae_mm"] == pytest.approx(apart.mean())
    assert found["random_slice"]["hit_10mm"] == pytest.approx((apart <= 10).mean())
    assert found["middle_slice"]["mae_mm"] == pytest.approx(apart[:, 9].mean())  # 47.5 is between two; the lower is taken
    assert found["middle_slice"]["mae_scan_mm"] == pytest.approx(apart[:, 9].mean())
    rows = bank.sql("SELECT head, metric, value, lo, hi FROM metrics").to_pylist()
    assert {(row["head"], row["metric"]): row["value"] for row in rows} == {
        (method, name): value for method, of in found.items() for name, value in of.items()
    }
    (run,) = bank.sql("SELECT run, command, settings FROM runs").to_pylist()
    assert (run["run"], run["command"]) == (result.run, "localize")
    assert json.loads(run["settings"])["localizer"] == Localizer().get_params()
    commits = len(bank.log())
    assert localization(bank, opened_by=lambda _: reader).run == result.run
    assert len(bank.log()) == commits
    assert "Localization" in report(bank, queries=[], pictures=False)


def test_a_reader_that_knows_nothing_is_no_better_than_chance(bank: Bank) -> None:
    signs(bank, truth=False)
    found = values(localization(bank, opened_by=lambda _: Reader()))
    assert found["cosine"]["mae_mm"] > 0.5 * found["random_slice"]["mae_mm"]
    assert found["localizer"]["mae_mm"] > 0.5 * found["middle_slice"]["mae_mm"]


def test_one_answer(bank: Bank) -> None:
    signs(bank)
    place = bank.sql("SELECT text FROM snippets WHERE study = 's3' AND part = 'sentence'").column(0).to_pylist()[0]
    sign = place.split()[2]
    (truth,) = bank.sql("SELECT z_mm, first_image FROM \"references\" WHERE study = 's3'").to_pylist()
    for method, learned in (("cosine", 0), ("cosine_fused", 0), ("localizer", 39)):
        answer, features, _ = localize(bank, sign, "v3", k=2, method=method, opened_by=lambda _: Reader())
        assert (answer.volume, answer.patient, answer.study, features.name) == ("v3", "p3", "s3", LEVELS.name)
        assert answer.learned == learned  # of all patients but this one
        assert abs(answer.z_mm - truth["z_mm"]) <= (10 if learned else 0)
        assert (answer.levels[0].z_mm, answer.levels[0].number) == (truth["z_mm"], truth["first_image"])
        assert answer.levels[0].index == truth["first_image"] - 1
        assert abs(answer.levels[1].z_mm - answer.levels[0].z_mm) >= 15
    assert [one.rank for one in answer.levels] == [1, 2]


def test_what_cannot_be_answered_is_told(bank: Bank) -> None:
    def opened(_: str) -> Reader:
        return Reader()

    with pytest.raises(UsageError, match="no report refers"):
        localization(bank, opened_by=opened)
    add_volumes(bank, ["q"], first=100)
    with pytest.raises(UsageError, match="no vectors along depth"):
        localize(bank, "x", "v100", opened_by=opened)
    signs(bank, patients=12)
    with pytest.raises(UnknownNameError, match="volume 'w' is unknown"):
        localize(bank, "x", "w", opened_by=opened)
    with pytest.raises(UnknownNameError, match="volume '' is unknown"):
        localize(bank, "x", "", opened_by=opened)
    with pytest.raises(UsageError, match="several volumes begin with 'v'"):
        localize(bank, "x", "v", opened_by=opened)
    with pytest.raises(UsageError, match="v100 has no levels"):
        localize(bank, "x", "v100", opened_by=opened)
    with pytest.raises(UsageError, match="the query is empty"):
        localize(bank, " \n", "v1", opened_by=opened)
    with pytest.raises(UsageError, match="k is 0"):
        localize(bank, "x", "v1", k=0, opened_by=opened)
    with pytest.raises(UnknownNameError, match="method"):
        localize(bank, "x", "v1", method="magic", opened_by=opened)
    with pytest.raises(EncoderError, match="did not make"):
        localize(bank, "x", "v1", opened_by=lambda _: Reader(version="2"))
    with pytest.raises(UsageError, match="no text side has reader"):
        localization(bank, opened_by=lambda _: Reader("slice"))
    with pytest.raises(UnknownNameError, match="encoder of vectors along depth"):
        localization(bank, encoder="tiny", opened_by=opened)
    with pytest.raises(UnknownNameError):
        localization(bank, features=["nothing"], opened_by=opened)


def test_sentences_lose_their_references_and_nothing_else() -> None:
    def cut(text: str, *parts: str) -> str:
        return without(text, [(text.index(part), text.index(part) + len(part)) for part in parts])

    assert cut("A nodule (series 2, image 45).", "series 2, image 45") == "A nodule."
    assert cut("A nodule [2/45], unchanged.", "2/45") == "A nodule, unchanged."
    assert cut("Nodule, series 2 image 45, of 3 mm.", "series 2 image 45") == "Nodule, of 3 mm."
    assert cut("Nodules (se 2 im 3; se 2 im 9).", "se 2 im 3", "se 2 im 9") == "Nodules."
    assert cut("series 2, image 45", "series 2, image 45") == "series 2, image 45"  # a text is not made empty
    assert cut("A nodule (3 mm, image 4) here.", "image 4") == "A nodule (3 mm) here."
    hostile = "(" * 500_000 + " " * 500_000
    assert len(without(hostile, [(0, 1)])) > 0


def test_references_that_lead_nowhere_are_counted(bank: Bank) -> None:
    signs(bank, patients=10)
    row = {"snippet": "t0.0", "study": "s0", "section": "findings", "position": 0, "number": 1, "start": 0, "stop": 5}
    with bank.commit("more") as commit:
        commit.append("references", [row | {"first_image": 99, "last_image": 99, "other_exam": False}])
    bank.refresh()
    found, unresolved = examples(bank)
    assert (len(found), unresolved) == (10, 1)


def test_an_encoder_is_not_measured_on_whom_it_was_trained_on(bank: Bank) -> None:
    signs(bank)
    reader = Reader()
    localization(bank, opened_by=lambda _: reader)
    sides = {row["item"]: row["side"] for row in bank.sql("SELECT item, side FROM latest_splits").to_pylist()}
    learned, tested = (next(item for item, side in sides.items() if side == name) for name in ("train", "test"))
    with bank.commit("trained") as commit:
        declare_trained_items(commit, reader.spec, [learned], "patient")
    bank.refresh()
    localization(bank, opened_by=lambda _: reader)
    with bank.commit("trained") as commit:
        declare_trained_items(commit, reader.spec, [tested], "patient")
    bank.refresh()
    with pytest.raises(UsageError, match=r"1 of \d+ test volumes are of patients that an encoder was trained on \(1 by reader\)"):
        localization(bank, opened_by=lambda _: reader)
    allowed = localization(bank, opened_by=lambda _: reader, allow_leak=True)
    assert allowed.settings["allowed_leaks"] == [{"kind": "trained_on", "count": 1}]
