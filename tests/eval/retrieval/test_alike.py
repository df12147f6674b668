from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scanbank.eval.retrieval.alike import same_texts, words


def shingles(text: str) -> set[tuple[str, ...]]:
    of = words(text)
    return {tuple(of[at : at + 3]) for at in range(max(1, len(of) - 2))}


def slowly(texts: list[str]) -> list[int]:
    """The definition, word for word."""
    leaders, group = list[int](), list[int]()
    for place, text in enumerate(texts):
        near = [
            (len(shingles(text) & shingles(texts[at])) / len(shingles(text) | shingles(texts[at])), -at)
            for at in leaders
            if words(text) and words(texts[at])
        ]
        best = max(near, default=(0.0, 0))
        if best[0] >= 0.9:
            group.append(group[-best[1]])
            continue
        group.append(len(leaders))
        leaders.append(place)
    return group


LONG = " ".join(f"word{n}" for n in range(40))


def test_case_spaces_and_punctuation_do_not_matter() -> None:
    texts = ["No acute finding.", "  no ACUTE\nfinding", "No acute findings.", "", "...", "No acute finding \N{EN DASH}"]
    assert same_texts(texts).tolist() == [0, 0, 1, 2, 3, 0]


def test_a_word_in_a_short_text_is_another_text_and_at_the_end_of_a_long_one_is_not() -> None:
    assert same_texts(["no nodule in the left lung", "a nodule in the left lung"]).tolist() == [0, 1]
    # of 38 shingles one is added: 38 / 39
    assert same_texts([LONG, f"{LONG} more"]).tolist() == [0, 0]
    # in the middle a word is in three: 35 / 41
    assert same_texts([LONG, LONG.replace("word20", "other")]).tolist() == [0, 1]


def test_nine_tenths_are_enough_and_less_is_not() -> None:
    nine = " ".join(f"w{n}" for n in range(11))
    assert same_texts([nine, f"{nine} w11"]).tolist() == [0, 0]  # 9 of 10
    eight = " ".join(f"w{n}" for n in range(10))
    assert same_texts([eight, f"{eight} w10"]).tolist() == [0, 1]  # 8 of 9


def test_a_chain_of_texts_that_are_less_and_less_alike_is_no_group() -> None:
    chain = [" ".join(f"w{n}" for n in range(start, start + 40)) for start in range(0, 30, 2)]
    group = same_texts(chain)
    assert len(set(group.tolist())) > 5
    assert group.tolist() == slowly(chain)


def test_a_text_joins_the_nearest() -> None:
    first, second = LONG, f"{LONG} a b c d e"  # 38 of 43: two groups
    third = f"{LONG} a b c"  # 38 of 41 of the first, 41 of 43 of the second
    assert same_texts([first, second, third]).tolist() == [0, 1, 1]


@given(st.lists(st.lists(st.sampled_from(["a b c d", "e", "f g", "h i j k l m n"]), max_size=6), max_size=8))
def test_it_is_the_definition(parts: list[list[str]]) -> None:
    texts = [" ".join(part) for part in parts]
    assert same_texts(texts).tolist() == slowly(texts)


def test_texts_of_one_template_do_not_cost_all_pairs() -> None:
    rng = np.random.default_rng(0)
    sentences = [f"sentence {n} says nothing of note about organ {n}." for n in range(30)]
    texts = [" ".join(np.array(sentences)[rng.random(30) < 0.5]) for _ in range(1500)]
    assert len(set(same_texts(texts).tolist())) > 1000


def test_a_huge_text_is_answered() -> None:
    assert same_texts(["a " * 500_000, "a " * 500_001, "\x00" * 1_000_000, "x" * 1_000_000]).tolist() == [0, 0, 1, 2]


def test_words_of_any_script_are_numbered_alike() -> None:
    texts = [
        "Größe\xa0 der LÄSION, 3mm",
        "grösse der läsion... 3MM!",
        "GRÖSSE der Läsion 3mm",
        "a_b\x1fc\x00d",
        "A_B c\td",
        "\ud800 a_b c d",
    ]
    assert same_texts(texts).tolist() == slowly(texts) == [0, 0, 0, 1, 1, 1]
    assert words("a_b\x1fc\x00d") == ["a_b", "c", "d"]


@given(st.lists(st.text(st.sampled_from("aB_1 .-\n\x1f\x85ßé\u2009"), max_size=12), max_size=6))
def test_it_is_the_definition_for_any_characters(texts: list[str]) -> None:
    assert same_texts(texts).tolist() == slowly(texts)
