"""The benchmark of embedding as a whole, whose parts are tested with the others."""

import pytest

from tiny_benches import check_numbers


@pytest.mark.slow
def test_reports_numbers() -> None:
    check_numbers("embed")
