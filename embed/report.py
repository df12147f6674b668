"""What an embedding run tells in the end."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class EmbedReport:
    """What became of the volumes of a bank."""

    volumes: int = 0
    """Volumes that got vectors."""
    copied: int = 0
    """Volumes whose vectors were copied from a scan of equal content."""
    skipped: int = 0
    """Volumes that had all their vectors."""
    failed: int = 0
    reasons: dict[str, int] = field(default_factory=dict[str, int])
    sets: dict[str, int] = field(default_factory=dict[str, int])
    """Feature set to the vectors that it got."""
    suspicious: int = 0
    """Volumes that got vectors though their voxels may be no HU."""
    suspicion: str = ""
    """What was seen in the first of them."""
    interrupted: bool = False
    batch: int = 0
    """Planes or volumes given to the encoder at once in the end: fewer than asked for where the device had no room."""
