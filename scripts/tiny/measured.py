"""What encoders reach on the same phantoms, and how far they differ: patients are drawn with replacement, the same for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanbank.embed import open_encoder
from scanbank.embed.encoder import Encoder
from scanbank.eval.adapt_tables import markdown
from scanbank.eval.feature_choice import FeatureChoice, choose_features
from scanbank.eval.localizing.examples import Example, examples
from scanbank.eval.localizing.points import apart_mm, middle_mm
from scanbank.eval.localizing.scoring import errors, scans_of, text_vectors
from scanbank.eval.retrieval.pairs import both_sides, studies_with_reports, text_set
from scanbank.eval.retrieval.ranking import rank_pairs
from scanbank.store import Bank

from .draws import patient_draws, with_interval
from .scores import aurocs, prompt_margins

Floats = NDArray[np.float64]
Score = Callable[["Measured", NDArray[np.int64], NDArray[np.int64]], float]
"""Of rows of studies and of sentences."""


@dataclass(frozen=True)
class Measured:
    """One encoder on N studies and S sentences that refer to an image."""

    name: str
    ranks: NDArray[np.int64]
    """(N,) of the scan that a report belongs to, among all."""
    margins: Floats
    """(N, F): cosine with "X is present." minus that with "X is not present."."""
    labels: NDArray[np.int64]
    """(N, F)."""
    apart_mm: Floats
    """(S,) from the image that a sentence refers to, by the level of the highest cosine."""
    middle_mm: Floats
    """(S,) by the middle of the scan."""
    patients: NDArray[Any]
    """(N,)."""
    speakers: NDArray[Any]
    """(S,) patients."""

    @cached_property
    def draws(self) -> list[tuple[NDArray[np.int64], ...]]:
        """Rows of studies and of sentences of draws of patients."""
        return patient_draws(self.patients, self.speakers)


def measured(bank: Bank, name: str, uri: str, findings: Sequence[str]) -> Measured:
    """One encoder whose vectors the bank holds, called `name` in tables."""
    encoder = open_encoder(uri, device="cpu")
    digest = encoder.spec.digest
    scans = next(s for s in bank.feature_sets if _is(s, digest, "volume"))
    (chosen,) = choose_features(bank, "volume", FeatureChoice((scans.digest,)))
    studies, texts = studies_with_reports(bank), text_set(bank, chosen.features)
    assert texts is not None  # `embed` has encoded the reports
    sides = both_sides(bank, studies, chosen, texts)
    nothing = np.zeros((len(studies), 0), np.bool_)
    ranks = rank_pairs(sides.texts, sides.images, np.arange(len(studies)), nothing).own
    said = {(row["item"], row["finding"]): row["value"] for row in bank.sql("SELECT item, finding, value FROM labels").to_pylist()}
    labels = np.array([[int(said[item, finding]) for finding in findings] for item in studies.units.items])
    margins = prompt_margins(encoder, sides.images, findings).astype(np.float64)
    sentences, apart, middle = _localized(bank, encoder)
    speakers = np.array([one.patient for one in sentences])
    return Measured(name, ranks, margins, labels, apart, middle, studies.units.patients, speakers)


def _localized(bank: Bank, encoder: Encoder) -> tuple[list[Example], Floats, Floats]:
    depth = next(s for s in bank.feature_sets if _is(s, encoder.spec.digest, "depth"))
    sentences, _ = examples(bank)
    words = text_vectors(encoder, depth, [one.text for one in sentences])
    slices = {ordinal: scan.slices_mm for ordinal, scan in scans_of(bank, depth, sorted({one.ordinal for one in sentences}))}
    middle = [apart_mm(np.array([middle_mm(slices[one.ordinal])]), one.spans_mm)[0] for one in sentences]
    return sentences, errors(bank, depth, sentences, words, None)["cosine"], np.array(middle)


def _is(features: Any, digest: str, kind: str) -> bool:
    return features.key.kind == kind and features.key.encoder.digest == digest


def recall5(of: Measured, rows: NDArray[np.int64], _: NDArray[np.int64]) -> float:
    """Share of reports whose scan is among the first five of all."""
    return float((of.ranks[rows] <= 5).mean())


def reciprocal(of: Measured, rows: NDArray[np.int64], _: NDArray[np.int64]) -> float:
    """Mean reciprocal rank."""
    return float((1 / of.ranks[rows]).mean())


def zero_shot(of: Measured, rows: NDArray[np.int64], _: NDArray[np.int64]) -> float:
    """Mean over findings of AUROC by two prompts."""
    known = [value for value in aurocs(of.margins[rows], of.labels[rows]) if value is not None]
    return float(np.mean(known)) if known else np.nan


def error_mm(of: Measured, _: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
    """Mean distance in mm."""
    return float(of.apart_mm[rows].mean()) if len(rows) else np.nan


SCORES: Mapping[str, Score] = {
    "report to scan, recall@5": recall5,
    "mean reciprocal rank": reciprocal,
    "zero-shot AUROC, mean": zero_shot,
    "sentence to slice, mm": error_mm,
}


def cell(score: Callable[[NDArray[np.int64], NDArray[np.int64]], float], of: Measured, digits: int = 2) -> str:
    """A number over all with its interval."""
    every = score(np.arange(len(of.ranks)), np.arange(len(of.apart_mm)))
    return with_interval(every, (score(*rows) for rows in of.draws), digits)


def table(found: Sequence[Measured]) -> str:
    """A line an encoder, a column a score."""
    lines = [
        [of.name, *(cell(lambda a, b, s=score, o=of: s(o, a, b), of, _digits(name)) for name, score in SCORES.items())] for of in found
    ]
    return markdown(["encoder", *SCORES], lines)


def differences(found: Sequence[Measured], against: Measured) -> str:
    """The same, each minus `against` on the same draws."""

    def minus(of: Measured, score: Score) -> Callable[[NDArray[np.int64], NDArray[np.int64]], float]:
        return lambda a, b: score(of, a, b) - score(against, a, b)

    lines = [[of.name, *(cell(minus(of, score), of, _digits(name) + 1) for name, score in SCORES.items())] for of in found]
    return markdown([f"minus {against.name}", *SCORES], lines)


def by_finding(found: Sequence[Measured], findings: Sequence[str]) -> str:
    """AUROC of each finding by prompts, a column an encoder."""
    lines = list[list[str]]()
    for place, finding in enumerate(findings):
        positive = int(found[0].labels[:, place].sum())
        both = 0 < positive < len(found[0].labels)
        cells = [cell(lambda a, _, o=of, p=place: _auroc(o, a, p), of) if both else "" for of in found]
        lines.append([finding.replace("_", " "), str(positive), *cells])
    return markdown(["finding", "positive", *(of.name for of in found)], lines)


def _auroc(of: Measured, rows: NDArray[np.int64], place: int) -> float:
    value = aurocs(of.margins[rows, place, None], of.labels[rows, place, None])[0]
    return np.nan if value is None else value


def _digits(name: str) -> int:
    return 1 if name.endswith("mm") else 2
