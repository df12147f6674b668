"""The doctor on an object store."""

from __future__ import annotations

import numpy as np

from eval_banks import VOLUME, add_labels, add_vectors, add_volumes
from s3_server import s3_endpoint, s3_url
from scanbank.store import Bank
from scanbank.store.doctor import diagnose, is_sound, repair

__all__ = ["s3_endpoint", "s3_url"]


def test_a_bank_on_an_object_store(s3_url: str) -> None:
    bank = Bank.create(s3_url)
    ordinals = add_volumes(bank, ["p0", "p1"])
    add_labels(bank, "bleed", {"v0": "1", "v1": "0"})
    add_vectors(bank, VOLUME, ordinals, np.ones((2, 8)))
    assert diagnose(bank.place) == []
    vectors = np.ones((2, 8), np.float32).tobytes()
    (chunk,) = (e.name for e in bank.place.entries("features/chunks") if bank.place.read(e.name).startswith(vectors))
    (labels,) = (e.name for e in bank.place.entries("tables/labels"))
    bank.place.delete(chunk)
    bank.place.write(labels, b"x")
    assert {one.what for one in diagnose(bank.place)} >= {f"feature set {VOLUME.name!r}", labels}
    done = repair(bank.place)
    assert is_sound(done.after), done
    left = Bank.open(s3_url)
    assert left.features(VOLUME.name).rows == 0
    assert left.sql("SELECT count(*) AS n FROM labels").to_pylist() == [{"n": 0}]
    assert left.sql("SELECT count(*) AS n FROM slices").to_pylist() == [{"n": 6}]
    assert bank.place.read(f"{done.quarantine}/{labels}") == b"x"
