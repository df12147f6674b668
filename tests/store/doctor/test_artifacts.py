"""Files of adapters that are damaged, lost or listed by nobody are found, and mended where anything proves what they held."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from eval_banks import add_volumes
from scanbank.store import Bank
from scanbank.store.artifacts import listed, read_files
from scanbank.store.doctor import diagnose, is_sound
from scanbank.store.doctor.repair import repair
from scanbank.store.errors import UnknownNameError

WEIGHTS, CARD = b"weights of an adapter" * 50, '{"format": 1, "name": "a"}'
SHA = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def kept(bank: Bank) -> Bank:
    add_volumes(bank, ["p0"])
    with bank.commit("keep") as commit:
        commit.add_artifact(SHA, {"adapter.safetensors": WEIGHTS, "card.json": CARD.encode()})
        commit.append("encoders", [{"encoder": "e1", "name": "adapted:a", "adapter": SHA, "spec": "{}", "card": CARD}])
    bank.refresh()
    return bank


def path_of(bank: Bank, part: str) -> Path:
    return bank.path / next(file.path for file in listed(bank.snapshot.root) if file.part == part)


def held(bank: Bank) -> dict[str, bytes]:
    opened = Bank.open(bank.name)
    return read_files(opened.place, opened.snapshot.root, SHA)


def test_a_sound_bank_is_sound(kept: Bank) -> None:
    assert diagnose(kept.place) == []


@pytest.mark.parametrize("part", ["adapter.safetensors", "card.json"])
def test_one_changed_byte_is_put_back(kept: Bank, part: str) -> None:
    path, before = path_of(kept, part), held(kept)
    data = bytearray(path.read_bytes())
    data[7] ^= 4
    path.write_bytes(data)
    (found,) = diagnose(kept.place)
    assert (found.severity, found.what) == ("error", path.relative_to(kept.path).as_posix())
    assert is_sound(repair(kept.place).after)
    assert held(kept) == before


def test_a_lost_card_comes_back_from_the_table(kept: Bank) -> None:
    before = held(kept)
    path_of(kept, "card.json").unlink()
    (found,) = diagnose(kept.place)
    assert "is missing; --repair writes it anew: the table of encoders holds the same" in str(found)
    assert is_sound(repair(kept.place).after)
    assert held(kept) == before


def test_lost_weights_are_set_aside_and_what_is_known_of_the_encoder_stays(kept: Bank) -> None:
    kept.tag("before")
    path_of(kept, "adapter.safetensors").write_bytes(WEIGHTS[:100])
    found = diagnose(kept.place)
    assert "the encoder cannot be opened from the bank any more, its vectors stay" in str(found[0])
    assert is_sound(repair(kept.place).after)
    with pytest.raises(UnknownNameError):
        held(kept)
    opened = Bank.open(kept.name)
    assert opened.sql("SELECT name FROM encoders").column(0).to_pylist() == ["adapted:a"]
    assert any(entry.name.startswith("quarantine/") and entry.name.endswith("card.json") for entry in opened.place.entries())


def test_what_no_snapshot_lists_is_noted_once_it_is_old(kept: Bank) -> None:
    stray = kept.path / "artifacts" / "stray" / "card.json"
    stray.parent.mkdir()
    stray.write_bytes(b"{}")
    assert diagnose(kept.place) == []
    os.utime(stray, (1.0, 1.0))
    (found,) = diagnose(kept.place)
    assert (found.severity, found.what) == ("note", "artifacts/stray/card.json")
    assert "is not listed by any snapshot that is kept" in str(found)
