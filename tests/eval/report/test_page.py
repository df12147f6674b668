from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from eval_banks import add_labels, toy_bank
from scanbank.eval.report import report
from scanbank.eval.report.charts import Curve, shots_chart
from scanbank.eval.report.hits import without_paths
from scanbank.eval.report.styles import Style
from scanbank.eval.sweep import sweep
from scanbank.store import Bank
from scanbank.store.errors import EncoderError, UsageError
from search_banks import Brightness, bright_bank

_VOID = {"meta", "br", "img", "hr", "path", "use", "rect", "link", "input"}


class Checked(HTMLParser):
    """Every element that is opened is closed, and nothing is loaded from elsewhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []
        self.feed(page.replace("<wbr>", ""))  # where a long name may be broken
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style",):
            self.text.append(data)


def words(page: str) -> str:
    return " ".join(" ".join(Checked(page).text).split())


def test_an_empty_bank_has_a_page(bank: Bank) -> None:
    told = words(report(bank))
    assert "No vectors yet" in told
    assert "scanbank sweep" in told
    assert "Failures None." in told


def test_the_table_has_a_line_a_method_and_the_best_in_bold(bank: Bank) -> None:
    toy_bank(bank)
    result = sweep(bank, "bleed", ["knn", "linear"], [1, 5], repeats=3)
    page = report(bank)
    told = words(page)
    means = {(s.features, s.head, s.shots): s for s in result.summary() if s.metric == "auroc"}
    assert len(means) == 8
    for one in means.values():
        assert f"{one.mean:.3f} ± {one.sd:.3f}" in told
    assert "1 shot (n = 3)" in told
    table = page[page.index("<summary>AUROC") : page.index("</details>")]
    bold = re.findall(r'class="n best">([\d.]+)', table)
    assert {float(text) for text in bold} == {round(max(s.mean or 0 for s in means.values() if s.shots == k), 3) for k in (1, 5)}
    assert page.count("<svg") == 2
    assert "train" in told
    assert "split patients-0" in told


def test_sources_of_labels_are_told_apart_where_there_are_several(bank: Bank) -> None:
    toy_bank(bank)
    assert "<th>source</th>" not in report(bank)
    with bank.commit("rules") as commit:
        row = {"item": "v0", "level": "volume", "finding": "bleed", "status": "absent"}
        commit.append("labels", [row | {"source": "rules:x"}])
    bank.refresh()
    page = report(bank)
    assert page.count("<td>rules:x</td>") == 1
    assert "<th>source</th>" in page


def test_nothing_is_loaded_from_elsewhere(bank: Bank, tmp_path: Path) -> None:
    encoder = Brightness()
    bright_bank(bank, tmp_path / "scans", encoder)
    page = report(bank, queries=["bright"], opened_by=lambda _: encoder)
    links = Checked(page).links
    assert links
    assert all(link.startswith(("data:image/webp;base64,", "#")) for link in links)
    (image,) = (link for link in links if link.startswith("data:"))
    drawn = Image.open(io.BytesIO(base64.b64decode(image.partition(",")[2])))
    assert drawn.width > 600
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"|http://www.w3.org/[^"\s]*|<!DOCTYPE[^>]*>', "", page)


def test_names_are_text_and_no_markup(bank: Bank) -> None:
    toy_bank(bank, finding="<script>alert(1)</script>")
    sweep(bank, "<script>alert(1)</script>", ["knn"], [1], repeats=2)
    page = report(bank)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_dollars_in_a_name_are_no_formula() -> None:
    curve = Curve("a $x^2$ & <b>", Style("#1f6f8b"), (1.0, 5.0), (0.5, 0.6), (0.4, 0.6), (0.6, 0.6))
    svg = shots_chart({"AUROC": [curve]})
    assert "a $x^2$ &amp; &lt;b&gt;" in svg
    assert svg == shots_chart({"AUROC": [curve]})


def test_what_cannot_be_searched_is_told_and_what_was_asked_for_is_an_error(bank: Bank) -> None:
    toy_bank(bank)
    add_labels(bank, "left_out", {"v0": "1"})
    assert "Search None:" in words(report(bank, opened_by=lambda _: Brightness("volume")))
    with pytest.raises(UsageError, match="no text side"):
        report(bank, queries=["bleed"], opened_by=lambda _: Brightness("volume"))
    assert "Search" not in words(report(bank, queries=[]))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("looked for a.bin of X in /home/Jane Doe/.cache/hub; other. End", "looked for a.bin of X in …; other. End"),
        ("encoder 'open_clip:a/b': weights in ~/x/y.bin", "encoder 'open_clip:a/b': weights in …"),
        ("no bank at '/srv/a b'", "no bank at '…"),
        (r"in C:\Users\jane\x. Where", "in …. Where"),
        ("32/64 mm and/or 1/2", "32/64 mm and/or 1/2"),
    ],
)
def test_a_page_names_no_path(text: str, shown: str) -> None:
    assert without_paths(text) == shown


def test_the_reason_why_nothing_is_searched_names_no_path(bank: Bank, tmp_path: Path) -> None:
    toy_bank(bank)

    def gone(uri: str) -> Brightness:
        raise EncoderError(f"encoder {uri!r} has no weights; looked for a.bin in {tmp_path}/hub. Get them")

    page = report(bank, opened_by=gone)
    assert "a.bin in …. Get them" in words(page)
    assert str(tmp_path) not in page
