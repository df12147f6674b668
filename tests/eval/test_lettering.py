"""Tests of captions' letters."""

from __future__ import annotations

import pytest

from scanbank.eval.lettering import lettering


@pytest.mark.parametrize("letter", list("äÖüßéñøŁµ…–"))
def test_letters_of_european_reports_are_there(letter: str) -> None:
    missing, drawn = (bytes(lettering(24).getmask(text)) for text in ("\uffff", letter))
    assert drawn != missing
    assert any(drawn)
