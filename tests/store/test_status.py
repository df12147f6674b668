from __future__ import annotations

from scanbank.store import Bank
from scanbank.store.status import overview


def test_a_label_counts_once_however_many_scans_it_is_said_of(bank: Bank) -> None:
    with bank.commit("put") as commit:
        plain = {"patient": "p", "study": "s"}
        commit.append("volumes", [plain | {"volume": f"v{i}", "ordinal": i, "series": f"e{i}"} for i in range(3)])
        said = {"finding": "f", "source": "table"}
        commit.append(
            "labels",
            [
                said | {"item": "s", "level": "study", "status": "present"},
                said | {"item": "v0", "level": "volume", "status": "absent"},
                said | {"item": "gone", "level": "volume", "status": "absent"},  # of no scan of the bank
            ],
        )
    bank.refresh()
    counts = {"finding": "f", "source": "table", "other": 0}
    assert overview(bank)["labels"] == [
        counts | {"level": "study", "present": 1, "absent": 0},
        counts | {"level": "volume", "present": 0, "absent": 1},
    ]


def test_items_are_those_of_the_views(bank: Bank) -> None:
    with bank.commit("put") as commit:
        commit.append("volumes", [{"volume": f"v{i}", "ordinal": 10 * i, "study": f"s{i // 2}", "patient": "p"} for i in range(3)])
        commit.append("slices", [{"slice": f"c{i}", "volume": f"v{i}", "index": 0} for i in range(4)])  # one of no volume
        commit.append("studies", [{"study": f"s{i}", "patient": patient} for i, patient in enumerate(("p", "p", "q"))])
        commit.append("snippets", [{"snippet": "n", "study": "s2", "section": "findings", "position": 0, "text": "No nodule."}])
    bank.refresh()
    items = overview(bank)["items"]
    assert items == {"patients": 2, "studies": 3, "volumes": 3, "slices": 3, "snippets": 1}
    assert items == {name: bank.sql(f"SELECT count(*) AS n FROM {name}").to_pylist()[0]["n"] for name in items}
