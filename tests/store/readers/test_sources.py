"""Messages of libraries are repeated only as far as they are plain words."""

from __future__ import annotations

import pytest

from scanbank.store.errors import ReadError
from scanbank.store.readers.sources import decoding


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("could not convert string to float: Doe^Jane"), "ValueError"),
        (OSError("Unable to synchronously open file (truncated file: eof = 96)"),
         "OSError: Unable to synchronously open file (truncated file: eof)"),
        (EOFError("Compressed file ended before the end-of-stream marker was reached"),
         "EOFError: Compressed file ended before the end-of-stream marker was reached"),
        (KeyError("Unable to open object Miller"), "KeyError"),
        (RuntimeError("cannot read file Miller.nii"), "RuntimeError: cannot read file"),
        (RuntimeError("unknown value 19570314 found"), "RuntimeError: unknown value"),
        (RuntimeError(""), "RuntimeError"),
        (OSError(2, "No such file or directory", "/home/miller/Doe.nii"), "No such file or directory"),
        (MemoryError("Doe"), None),
    ],
)  # fmt: skip
def test_values_are_cut_off(error: Exception, told: str | None) -> None:
    with pytest.raises(ReadError) as raised, decoding("NIfTI"):
        raise error
    assert str(raised.value) == (f"NIfTI cannot be read: {told}" if told else "NIfTI needs more memory than there is")
