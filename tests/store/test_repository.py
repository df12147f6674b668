from __future__ import annotations

import shutil

import icechunk
import pytest

from scanbank.store import Bank
from scanbank.store.errors import BankAccessError
from scanbank.store.repository import told

FRAMED = """  x session error: object store error Generic LocalFileSystem error: Unable
  | to open file /bank/features/manifests/5Y2FHSZ5M3PX149RAGX0#1: {first}
  | {rest} (os error 1)
  |
  | context:
  |    0: icechunk::storage::object_store::write
"""


@pytest.mark.parametrize(
    ("first", "rest", "said"),
    [
        ("Permission", "denied", "writing failed: permission denied"),
        ("No space", "left on device", "writing failed: no space left"),
        ("Read-only file", "system", "writing failed: read-only file system"),
    ],
)
def test_what_the_frame_breaks_in_two_is_understood(first: str, rest: str, said: str) -> None:
    with pytest.raises(BankAccessError) as caught, told("writing"):
        raise icechunk.IcechunkError(FRAMED.format(first=first, rest=rest))
    assert str(caught.value) == said


def test_other_errors_are_told_whole_and_on_one_line() -> None:
    with pytest.raises(BankAccessError) as caught, told("writing"):
        raise icechunk.IcechunkError(FRAMED.format(first="Input/output", rest="error"))
    where = "/bank/features/manifests/5Y2FHSZ5M3PX149RAGX0#1"
    assert str(caught.value) == (
        "writing failed: session error: object store error Generic LocalFileSystem error: "
        f"Unable to open file {where}: Input/output error (os error 1)"
    )


def test_a_features_folder_that_is_none_is_an_error_of_ours(bank: Bank) -> None:
    """Icechunk panics there, which is no Exception."""
    shutil.rmtree(bank.path / "features")
    (bank.path / "features").write_bytes(b"")
    with pytest.raises(BankAccessError, match=r"opening the bank .* failed: failed to create object store"):
        Bank.open(bank.path)
