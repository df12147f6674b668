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
