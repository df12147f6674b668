"""What can go wrong while a backbone is adapted."""

from __future__ import annotations

from ...store.errors import ScanbankError


class AdaptError(ScanbankError):
    """Training could not go on; the message says where and what to try."""
