"""What a rule cannot do without: met wherever the rule matches, so that looking for it first changes nothing."""

from __future__ import annotations

import re
import sys
import unicodedata
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.phantoms.studies import made_study
from scanbank.eval.phantoms.cohort import COHORTS
from scanbank.eval.phantoms.model import Language
from scanbank.eval.phantoms.reports.write import write_report
from scanbank.store.scrub import scrub
from scanbank.store.scrub_needs import Sight, folded
from scanbank.store.scrub_rules import KEEP, KEEP_NEED, MASK, RULES, Rule
from scrub_pieces import PIECES

FREELY = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
LANGUAGES: tuple[Language, ...] = ("en", "de")
NAMES = [f"{number:02d}-{rule.tag}" for number, rule in enumerate(RULES)]
FIXED = re.compile(rf"\[(?:{'|'.join(dict.fromkeys(rule.tag for rule in RULES))})\]|{MASK}|{KEEP.pattern}")


def slowly(text: str, known: re.Pattern[str] | None = None) -> str:
    """Every rule tried on every text, until nothing is found."""
    text = unicodedata.normalize("NFC", text)
    while True:
        before, kept = text, [match[0] for match in FIXED.finditer(text)]
        masked = FIXED.sub(MASK, text)
        if known:
            masked = known.sub("[NAME]", masked)
        for rule in RULES:
            masked = rule.pattern.sub(lambda match, tag=rule.tag: _hidden(match, tag), masked)
        text = "".join(part for pair in zip(masked.split(MASK), [*kept, ""], strict=True) for part in pair)
        if text == before:
            return text


def _hidden(match: re.Match[str], tag: str) -> str:
    start = match.start()
    return f"{match[0][: match.start('hide') - start]}[{tag}]{match[0][match.end('hide') - start :]}"


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_need_is_met_by_whatever_its_rule_matches(rule: Rule) -> None:
    matched = 0

    @given(st.from_regex(rule.pattern), st.sampled_from(["", "x ", "№ 1, ", "\u0130\u017f "]))
    @settings(max_examples=12, deadline=None, suppress_health_check=FREELY, database=None)
    def met(text: str, before: str) -> None:
        nonlocal matched
        for one in (text, before + text, text.swapcase(), text.replace("s", "ſ").replace("i", "ı").replace("k", "\u212a")):
            if rule.pattern.search(one):
                matched += 1
                assert rule.need(Sight(one)), one

    met()
    assert matched >= 4


@given(st.from_regex(KEEP))
@settings(max_examples=30, deadline=None, suppress_health_check=FREELY)
def test_places_in_a_scan_are_seen(text: str) -> None:
    for one in (text, text.swapcase(), text.replace("s", "ſ").replace("i", "ı")):
        if KEEP.search(one):
            assert KEEP_NEED(Sight(one)), one


def test_what_is_equal_but_for_case_folds_alike() -> None:
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, sys.maxunicode + 1)]))
    cased = "".join(dict.fromkeys(c for c in every if c.lower() != c or c.upper() != c or c.casefold() != c))
    assert len(cased) > 2_500
    for letter in [*"abcdefghijklmnopqrstuvwxyzäöü", *cased[::7]]:
        for other in re.findall(re.escape(letter), cased, re.IGNORECASE):
            assert folded(other) == folded(letter), (letter, other)


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
@settings(max_examples=150, deadline=None)
def test_texts_are_scrubbed_as_by_every_rule_in_turn(text: str) -> None:
    assert scrub(text) == slowly(text)


@given(
    st.lists(st.sampled_from([*PIECES, "smith", "SMİTH", "Straſſe", "STRASSE", "Kaſpar", "KASPAR", "MULLER", "Müller"]), max_size=12).map(
        "".join
    )
)
@settings(max_examples=60, deadline=None)
def test_known_names_are_found_whatever_their_case(text: str) -> None:
    known = ["smith", "Straſſe", "Kaspar", "Müller"]
    spelled = "|".join(["straſſe", "strasse", "mueller", "kaspar", "muller", "müller", "smith"])
    pattern = re.compile(rf"(?<![^\W_])(?:{spelled})(?:['’]?s)?(?![^\W_])", re.IGNORECASE)
    assert scrub(text, known) == slowly(text, pattern)


@pytest.mark.parametrize("text", ["1 " * 500_000, "May" * 330_000, "1." * 500_000, "d by " * 200_000, "ı1" * 500_000])
def test_needs_take_time_linear_in_a_megabyte(text: str) -> None:
    sight = Sight(text)
    for rule in RULES:
        rule.need(sight)
    assert len(sight.near) <= 2 * len(text)


def test_phantom_reports_are_scrubbed_as_by_every_rule_in_turn() -> None:
    kinds = list(product(range(8), COHORTS, LANGUAGES))
    texts = [write_report(made_study(seed, cohort, language), None, ()).text for seed, cohort, language in kinds]
    texts = [f"{text}\nCompared to 12.03.2020. Dr. J. Smith, MD, Tel. 089 123456, patient no. 4711" for text in texts]
    assert [scrub(text) for text in texts] == [slowly(text) for text in texts]
    assert all("[DATE]. Dr. [NAME], MD, Tel. [PHONE], patient no. [ID]" in scrub(text) for text in texts)
