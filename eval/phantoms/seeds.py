"""Random numbers that depend on what they are for and on nothing else: not on order, on workers, or on how many patients there are."""

from __future__ import annotations

import hashlib

import numpy as np


def seed_of(*parts: object) -> int:
    """64 bits from texts and whole numbers: `seed_of(seed, "chest", patient, "anatomy")`."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def generator(*parts: object) -> np.random.Generator:
    """A generator of its own for each purpose (PCG64)."""
    return np.random.Generator(np.random.PCG64(seed_of(*parts)))
