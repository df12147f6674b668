"""Slices, report texts and reports that are looked for, whom a hit stands for, filters and fusion: against brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scanbank.embed.encoder import Encoder
from scanbank.eval.memory import Memory
from scanbank.eval.search import Answer, Asked, answer
from scanbank.store import Bank, EncoderSpec
from scanbank.store.errors import EncoderError, UnknownNameError, UsageError
from scanbank.store.feature_rows import FeatureRows
from search_banks import Fixed, catalog, f32, put, reports

DIM = 8


def ask(bank: Bank, *encoders: Encoder, **asked: Any) -> Answer:
    """An answer, with these encoders on this machine."""
    known = {encoder.spec.name: encoder for encoder in encoders}
    return answer(bank, Asked(**{"query": "nodule", **asked}), opened_by=lambda name: known[name], memory=Memory())


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors.astype(np.float64) / np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)


@pytest.mark.parametrize(("kind", "precision"), [("slice", "float16"), ("depth", "float32")])
def test_slices_are_those_of_brute_force(bank: Bank, kind: str, precision: str) -> None:
    rng = np.random.default_rng(3)
    ordinals = catalog(bank, rng.integers(0, 12, 40).tolist(), slices=6)
    query = rng.normal(size=DIM).astype(np.float32)
    encoder = Fixed(query, precision=precision)
    vectors = rng.normal(size=(40, 6, DIM)).astype(precision)
    order = rng.permutation(40)
    if kind == "slice":
        put(bank, encoder, "slice", vectors[order].reshape(-1, DIM), (ordinals[order, None] + 1 + np.arange(6)).reshape(-1))
    else:
        z_mm = np.tile(f32(np.arange(6) * 10.0), (40, 1))
        put(bank, encoder, "depth", FeatureRows(vectors, z_mm, np.ones((40, 6), bool))[order], ordinals[order])
    cosines = unit(vectors) @ unit(query)
    rows = bank.sql("SELECT study, is_primary FROM volumes ORDER BY ordinal").to_pylist()
    for per in ("study", "scan"):
        expected: dict[Any, tuple[float, int, int]] = {}
        for i, row in enumerate(rows):
            if row["is_primary"] or per == "scan":
                best = int(cosines[i].argmax())
                key = row["study"] if per == "study" else i
                expected[key] = max(expected.get(key, (-2.0, 0, 0)), (float(cosines[i, best]), i, best))
        result = ask(bank, encoder, find="slice", per=per, k=9).result
        top = sorted(expected.values(), reverse=True)[:9]
        assert [(hit.ordinal, hit.places[0].index) for hit in result.hits] == [(ordinals[i], best) for _, i, best in top]
        np.testing.assert_allclose([hit.score for hit in result.hits], [score for score, _, _ in top], atol=1e-6)
        assert all(hit.score == hit.places[0].score and hit.places[0].z_mm == 10.0 * (hit.places[0].index or 0) for hit in result.hits)
        assert (result.find, result.searched) == ("slice", len(expected) if per == "scan" else sum(row["is_primary"] for row in rows))


def test_equal_slices_go_by_ordinal(bank: Bank) -> None:
    ordinals = catalog(bank, range(30), slices=5)
    encoder = Fixed(f32([0.3, 0.4, 0.5]))
    items = (ordinals[:, None] + 1 + np.arange(5)).reshape(-1)
    put(bank, encoder, "slice", np.tile(f32([0.7, 0.1, 0.2]), (150, 1)), items[::-1])
    hits = ask(bank, encoder, find="slice", k=30).result.hits
    assert [hit.ordinal for hit in hits] == ordinals.tolist()
    assert [hit.places[0].index for hit in hits] == [0] * 30


@pytest.fixture
def told(bank: Bank) -> tuple[Bank, Fixed]:
    """Scans of studies 0 to 3 and reports of 0 to 4, of which 4 has no scan. Patients p0 to p4; the text side knows the second axis."""
    ordinals = catalog(bank, range(4), slices=2)
    encoder = Fixed(f32([0, 1]))
    put(bank, encoder, "volume", f32([[1, 0], [1, 1], [1, 2], [1, -1]]), ordinals)
    said = [
        (0, "A small nodule."),
        (0, "No effusion."),
        (1, "Large effusion, no nodule."),
        (2, "Normal."),
        (3, "Nodule."),
        (4, "Nodule, nodule."),
    ]
    put(bank, encoder, "text", f32([[0, 3], [1, 0], [1.1, 1], [2, 1], [-1, 0], [1, 2]]), reports(bank, said))
    return bank, encoder


def test_pieces_of_text_by_their_vectors(told: tuple[Bank, Fixed]) -> None:
    bank, encoder = told
    result = ask(bank, encoder, find="snippet").result
    assert [(hit.study, hit.sentence and hit.sentence.text) for hit in result.hits] == [
        ("s0", "A small nodule."),
        ("s4", "Nodule, nodule."),
        ("s1", "Large effusion, no nodule."),
        ("s2", "Normal."),
        ("s3", "Nodule."),
    ]
    np.testing.assert_allclose([hit.score for hit in result.hits], [1, 2 / 5**0.5, 2.21**-0.5, 0.2**0.5, 0], atol=1e-6)
    assert [hit.volume for hit in result.hits] == ["v00000", None, "v00001", "v00002", "v00003"]
    assert (result.searched, result.studies, result.features) == (6, 5, "fixed/text")
    assert any("10 asked for, 5 listed" in note for note in result.notes)


def test_reports_by_the_mean_of_their_pieces(told: tuple[Bank, Fixed]) -> None:
    bank, encoder = told
    result = ask(bank, encoder, find="report").result
    assert [hit.study for hit in result.hits] == ["s4", "s0", "s1", "s2", "s3"]
    assert result.hits[1].score == pytest.approx(0.5**0.5)  # the mean of (0, 1) and (1, 0)
    assert result.hits[1].sentence is not None
    assert (result.hits[1].sentence.text, result.hits[1].sentence.by, result.hits[1].sentence.score) == ("A small nodule.", "cosine", 1.0)
    assert result.searched == 5


def test_scans_come_with_the_nearest_sentence(told: tuple[Bank, Fixed]) -> None:
    bank, encoder = told
    hits = ask(bank, encoder, k=3).result.hits
    assert [hit.study for hit in hits] == ["s2", "s1", "s0"]
    assert [hit.sentence.text for hit in hits if hit.sentence] == ["Normal.", "Large effusion, no nodule.", "A small nodule."]
    # without vectors of texts, by words; where none is there, there is none
    other = Fixed(f32([0, 1]), weights="other")
    other.spec = EncoderSpec("other", "1", 2)
    put(bank, other, "volume", f32([[1, 2], [1, 1], [1, 0]]), bank.sql("SELECT ordinal FROM volumes ORDER BY 1").column(0).to_numpy()[:3])
    hits = ask(bank, other, encoders=("other",), query="nodule").result.hits
    assert [hit.sentence and (hit.sentence.text, hit.sentence.by) for hit in hits] == [
        ("A small nodule.", "bm25"),
        ("Large effusion, no nodule.", "bm25"),
        None,
    ]


def test_reports_are_what_they_say_is_seen(told: tuple[Bank, Fixed]) -> None:
    """History and technique are found as pieces of text, and count for no report that has findings."""
    bank, encoder = told
    before = ask(bank, encoder, find="report").result
    put(bank, encoder, "text", f32([[0, 1], [0, 1]]), reports(bank, [(2, "Nodule?"), (9, "Known nodule.")], "history"))
    after = ask(bank, encoder, find="report").result
    assert [(hit.study, hit.score) for hit in after.hits[1:]] == [(hit.study, hit.score) for hit in before.hits]
    assert after.hits[0].study == "s9"  # its report has nothing else
    scan = next(hit for hit in ask(bank, encoder).result.hits if hit.study == "s2")
    assert scan.sentence is not None
    assert scan.sentence.text == "Normal."
    assert "Nodule?" in [hit.sentence and hit.sentence.text for hit in ask(bank, encoder, find="snippet").result.hits]
    words = ask(bank, encoder, bm25=True, find="report").result.hits
    assert next(hit for hit in words if hit.study == "s2").standings[-1].rank is None


def test_filters_keep_scans_and_the_reports_of_their_studies(told: tuple[Bank, Fixed]) -> None:
    bank, encoder = told
    where = "spacing_z_mm < 3"  # 1, 2, 3, 1 mm
    assert [hit.study for hit in ask(bank, encoder, where=where).result.hits] == ["s1", "s0", "s3"]
    assert [hit.study for hit in ask(bank, encoder, where=where, find="report").result.hits] == ["s0", "s1", "s3"]
    assert [hit.study for hit in ask(bank, encoder, where=where, find="snippet").result.hits] == ["s0", "s1", "s3"]
    nothing = ask(bank, encoder, where="false").result
    assert nothing.hits == ()
    assert "10 asked for, 0 listed: that is every study with a scan to compare that the filter keeps" in nothing.notes
    assert ask(bank, encoder, where="false", find="snippet").result.hits == ()


def test_at_most_one_hit_a_patient(bank: Bank) -> None:
    ordinals = catalog(bank, range(6), patient="same")
    encoder = Fixed(f32([1, 0]))
    put(bank, encoder, "volume", f32([[1, i] for i in range(6)]), ordinals)
    assert [hit.ordinal for hit in ask(bank, encoder, per="patient").result.hits] == [ordinals[0]]
    assert len(ask(bank, encoder, per="study").result.hits) == 6


def test_each_scan_may_have_a_hit(bank: Bank) -> None:
    ordinals = catalog(bank, [0, 0, 1])
    encoder = Fixed(f32([1, 0]))
    put(bank, encoder, "volume", f32([[1, 2], [1, 1], [1, 0]]), ordinals)
    assert [hit.ordinal for hit in ask(bank, encoder, per="scan").result.hits] == ordinals[[2, 1, 0]].tolist()
    assert len(ask(bank, encoder).result.hits) == 2


def test_several_encoders_and_words_are_fused_by_rank(told: tuple[Bank, Fixed]) -> None:
    bank, encoder = told
    other = Fixed(f32([1, 0, 0]))
    other.spec = EncoderSpec("other", "1", 3)
    ordinals = bank.sql("SELECT ordinal FROM volumes ORDER BY ordinal").column(0).to_numpy()
    put(bank, other, "volume", f32([[1, 0, 0], [1, 1, 0], [1, 0, 1]]), ordinals[:3])
    given = ask(bank, encoder, other, encoders=("fixed", "other"), bm25=True, query="nodule -effusion")
    result = given.result
    # fixed: 2 1 0 3; other: 0, then 1 and 2 alike; words "nodule" in reports of 3 (one word), 0 and 1, whose is longer
    standings = {hit.study: [one.rank for one in hit.standings] for hit in result.hits}
    assert standings == {"s0": [3, 1, 2], "s1": [2, 2, 3], "s2": [1, 3, None], "s3": [4, None, 1]}
    expected = {study: sum(1 / (60 + rank) for rank in ranks if rank) for study, ranks in standings.items()}
    assert [hit.study for hit in result.hits] == sorted(expected, key=lambda study: -expected[study])
    assert [hit.score for hit in result.hits] == [pytest.approx(expected[hit.study]) for hit in result.hits]
    assert result.features == "fixed/brain/volume + other/brain/volume + bm25"
    assert [one.features.key.encoder.name for one in given.chosen] == ["fixed", "other"]


@pytest.mark.parametrize(("find", "first"), [("snippet", "s4"), ("report", "s4")])
def test_texts_by_vectors_and_words(told: tuple[Bank, Fixed], find: str, first: str) -> None:
    bank, encoder = told
    hits = ask(bank, encoder, find=find, bm25=True).result.hits
    assert hits[0].study == first
    assert [one.ranking for one in hits[0].standings][-1] == "bm25"
    assert hits[-1].study == "s2"  # the only report without the word
    assert hits[-1].standings[-1].rank is None


def test_what_makes_no_sense_is_refused(told: tuple[Bank, Fixed]) -> None:
    bank, encoder = told
    for asked, pattern in (
        ({"find": "scan"}, "thing to find 'scan' is unknown"),
        ({"per": "hospital"}, "'hospital' is unknown"),
        ({"find": "report", "per": "scan"}, "reports belong to studies"),
        ({"find": "slice"}, "no feature sets of slices, or along depth"),
        ({"find": "snippet", "window": "lung"}, "a window chooses among vectors of scans"),
        ({"encoders": ("fixed", "fixed")}, "name each once"),
        ({"encoders": ("fixed",) * 9}, "at most 8"),
        ({"encoders": ("fxed",)}, "did you mean 'fixed'"),
        ({"where": "true; SELECT 1"}, "2 statements"),
        ({"query": "-x"}, "only what hits should not show"),
    ):
        with pytest.raises((UsageError, UnknownNameError), match=pattern):
            ask(bank, encoder, **asked)
    changed = Fixed(f32([0, 1]), weights="other")
    for find in ("volume", "report"):
        with pytest.raises(EncoderError, match="did not make"):
            ask(bank, changed, find=find)


def test_words_of_a_bank_without_reports_are_refused(bank: Bank) -> None:
    encoder = Fixed(f32([1, 0]))
    put(bank, encoder, "volume", f32([[1, 0]]), catalog(bank, [0]))
    with pytest.raises(UsageError, match="holds no reports, so there are no words to search"):
        ask(bank, encoder, bm25=True)
    with pytest.raises(UsageError, match="holds no reports; `scanbank ingest"):
        ask(bank, encoder, find="report")


def test_a_bank_of_reports_alone_is_searched(bank: Bank) -> None:
    encoder = Fixed(f32([1, 0]))
    put(bank, encoder, "text", f32([[1, 1], [1, 0]]), reports(bank, [(0, "Effusion."), (1, "Nodule.")]))
    hits = ask(bank, encoder, find="report").result.hits
    assert [(hit.study, hit.volume, hit.places) for hit in hits] == [("s1", None, ()), ("s0", None, ())]
    with pytest.raises(UsageError, match="holds no volumes"):
        ask(bank, encoder)


def test_words_alone_rank_where_no_vector_can(bank: Bank) -> None:
    reports(bank, [(0, "A small nodule."), (1, "Large effusion."), (2, "Nodule, nodule, effusion.")])
    for find in ("report", "snippet"):
        told = ask(bank, find=find, bm25=True, query="nodule -calcified")
        result = told.result
        assert told.chosen == ()
        assert [hit.study for hit in result.hits] == ["s2", "s0"]
        assert [hit.score for hit in result.hits] == [hit.standings[0].score for hit in result.hits]
        assert result.hits[0].score > result.hits[1].score > 0
        assert [hit.sentence and hit.sentence.by for hit in result.hits] == ["bm25", "bm25"]
        assert (result.features, result.searched, result.studies, result.without_vector) == ("bm25", 3, 3, 0)
        assert "words of reports alone (BM25)" in result.notes[0]
        assert "has no vectors of report texts" in result.notes[0]
        assert "(calcified) was not looked at" in result.notes[1]
        assert "10 asked for, 2 listed: that is every study with a" in result.notes[2]
        assert "that has one of the words" in result.notes[2]
    with pytest.raises(UsageError, match="holds no scans to list; look for what reports say with --find report"):
        ask(bank, bm25=True)
    with pytest.raises(UsageError, match="do not tell one slice from another"):
        ask(bank, find="slice", bm25=True)
    # without being asked for, words do not step in; nor where an encoder is named
    with pytest.raises(UsageError, match="has no vectors of report texts"):
        ask(bank, find="report")
    with pytest.raises(UsageError, match="has no vectors of report texts"):
        ask(bank, find="report", bm25=True, encoders=("fixed",))
    catalog(bank, range(3))
    result = ask(bank, bm25=True).result
    assert [(hit.study, hit.volume, hit.places) for hit in result.hits] == [("s2", "v00002", ()), ("s0", "v00000", ())]
    assert result.searched == 3
    assert ask(bank, bm25=True, where="volume = 'v00000'").result.hits[0].study == "s0"


def test_words_alone_where_the_encoder_is_elsewhere(told: tuple[Bank, Fixed]) -> None:
    bank, _ = told

    def nowhere(name: str) -> Encoder:
        raise EncoderError(f"encoder {name} is on another machine")

    result = answer(bank, Asked("nodule", find="report", bm25=True), opened_by=nowhere).result
    assert result.features == "bm25"
    assert "fixed is on another machine" in result.notes[0]
    with pytest.raises(EncoderError, match="another machine"):
        answer(bank, Asked("nodule", find="report"), opened_by=nowhere)


def test_words_alone_of_a_bank_without_reports(bank: Bank) -> None:
    catalog(bank, range(3))
    with pytest.raises(UsageError, match="holds no reports, so there are no words"):
        ask(bank, bm25=True)
