from __future__ import annotations

import pytest

from scanbank.eval.prompts import USUAL, Prompts, Said, Wording, alone, label
from scanbank.store.errors import UsageError


def test_the_usual_pair_holds_the_words_of_a_finding() -> None:
    assert Wording().of("pleural_effusion") == Prompts(
        "pleural_effusion", ("pleural effusion is present.",), ("pleural effusion is not present.",)
    )
    assert Wording().of("part=left_hand").absent == ("left hand is not present.",)
    assert Wording(Said(("  Some\n words ",), ("No words",))).of("x").present == ("Some words",)


def test_a_template_is_filled_in_and_nothing_else_of_it_is_read() -> None:
    said = Said(("{finding}: {finding}", "{} {0} {finding.__class__} %s"), ("no {finding}",))
    assert Wording(said).of("left_lung").present == ("left lung: left lung", "{} {0} {finding.__class__} %s")


def test_texts_of_a_finding_go_before_those_of_all() -> None:
    wording = Wording(USUAL, {"bleed": Said(("blood",), ("no blood",))})
    assert wording.of("bleed").present == ("blood",)
    assert wording.of("mass").present == ("mass is present.",)
    with pytest.raises(UsageError, match="my file says nothing of finding 'mass', only of 'bleed'"):
        Wording(None, {"bleed": Said(("blood",))}, "my file").of("mass")


@pytest.mark.parametrize(
    "said", [Said(("",), ("b",)), Said(("same",), ("same",)), Said(("a", "b"), ("c", "b")), Said(("a", " "), ("b",)), Said((), ("b",))]
)
def test_presence_and_absence_are_different_texts(said: Said) -> None:
    with pytest.raises(UsageError, match="two different texts"):
        Wording(said).of("x")


def test_a_text_counts_once() -> None:
    with pytest.raises(UsageError, match="'a b' of 'x' is there 2 times"):
        Wording(Said(("a b", "a  b", "c"), ("d",))).of("x")


def test_several_findings_are_not_asked_for_in_the_same_words() -> None:
    assert [prompts.finding for prompts in Wording().of_each(["bleed", "mass"])] == ["bleed", "mass"]
    assert Wording(Said(("Blood",), ("No blood",))).of_each(["bleed"])[0].present == ("Blood",)
    with pytest.raises(UsageError, match=r"'Blood' would stand for 'bleed' and for 'mass'; write \{finding\}"):
        Wording(Said(("Blood",), ("No blood",))).of_each(["bleed", "mass"])


def test_what_digests_and_class_texts_take() -> None:
    one, several = Prompts("x", ("a",), ("b",)), Prompts("x", ("a", "c"), ("b",))
    assert (one.told, several.told, Prompts("x", ("a",)).told) == (["a", "b"], [["a", "c"], "b"], ["a", None])
    assert (one.words, several.words, Prompts("x", ("a",)).words) == (("b", "a"), (), ())
    assert [(row["polarity"], row["text"]) for row in several.rows] == [("absent", "b"), ("present", "a"), ("present", "c")]
    assert len({row["prompt"] for row in several.rows}) == 3


def test_presence_alone() -> None:
    wording = alone(Wording(USUAL, {"bleed": Said(("blood",), ("no blood",))}, "a file"))
    assert (wording.of("mass").absent, wording.of("bleed"), wording.source) == ((), Prompts("bleed", ("blood",)), "a file")


def test_labels_of_tables() -> None:
    usual = Wording().of("mass")
    assert label(usual, usual) == label(Prompts("mass", usual.present), usual) == ""
    assert label(Said(("Blood!",), ("No blood.",)), usual) == "“Blood!” against “No blood.”"
    assert label(Said(("a", "b")), usual) == "“a”, “b”"
    many = [label(Said((*"abc", last), ("z",)), usual) for last in "de"]
    assert many[0].startswith("“a” and 3 more (")
    assert many[0] != many[1]
    assert (Wording().label(), Wording(Said(("a {finding}",))).label()) == ("", "“a {finding}”")
    own = [Wording(None, {"bleed": Said((text,))}).label() for text in "ab"]
    assert own[0] != own[1]
