from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from scanbank.store.doctor.one_byte import mended


@given(st.binary(min_size=1, max_size=60), st.data())
@settings(max_examples=40)
def test_a_changed_byte_is_found(data: bytes, draw: st.DataObject) -> None:
    at, flip = draw.draw(st.integers(0, len(data) - 1)), draw.draw(st.integers(1, 255))
    changed = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
    assert mended(changed, hashlib.sha256(data).hexdigest()) == data


def test_a_flipped_bit_of_a_longer_file_is_found_and_two_are_not() -> None:
    data = bytes(range(256)) * 10
    wanted = hashlib.sha256(data).hexdigest()
    assert mended(data[:9] + b"\x08" + data[10:], wanted) == data
    assert mended(b"\x01\x00" + data[2:], wanted) is None
    assert mended(data * 10, wanted) is None
