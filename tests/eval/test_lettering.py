"""Tests of captions' letters."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw

from scanbank.eval.lettering import lettering


def drawn(letter: str) -> bytes:
    picture = Image.new("L", (40, 40))
    ImageDraw.Draw(picture).text((8, 4), letter, fill=255, font=lettering(24))
    return picture.tobytes()


@pytest.mark.parametrize("letter", list("äÖüßéñøŁµ…–"))
def test_letters_of_european_reports_are_there(letter: str) -> None:
    assert drawn(letter) not in (drawn("\uffff"), drawn(" "))
