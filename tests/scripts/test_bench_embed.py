"""The benchmark of embedding, as the others: it is the longest, and runs beside them."""

from tiny_benches import check_numbers


def test_reports_numbers() -> None:
    check_numbers("embed")
