"""The benchmark of embedding, as the others: it is the longest, and runs beside them."""

import pytest

from tiny_benches import check_numbers

pytestmark = pytest.mark.long


def test_reports_numbers() -> None:
    check_numbers("embed")
