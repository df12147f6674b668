"""What messages say of names that are unknown."""

from __future__ import annotations

from scanbank.store.errors import UnknownNameError


def test_the_nearest_name_is_suggested_and_all_are_listed() -> None:
    assert str(UnknownNameError("window", "brian", ["lung", "brain"])) == (
        "window 'brian' is unknown; did you mean 'brain'? Choose one of: brain, lung"
    )
    assert str(UnknownNameError("window", "zzz", ["lung", "brain"])) == "window 'zzz' is unknown; choose one of: brain, lung"


def test_where_there_are_no_names_none_is_to_be_chosen() -> None:
    assert str(UnknownNameError("source", "x", [])) == "source 'x' is unknown; there are none to choose from"
    assert str(UnknownNameError("scan", "x", [], "Give an id")) == "scan 'x' is unknown. Give an id"


def test_of_many_names_the_nearest_are_listed() -> None:
    told = str(UnknownNameError("set", "name7", [f"name{n}" for n in range(30)]))
    assert "did you mean 'name7'" in told
    assert told.endswith(" or 25 others")
