"""Machine code that is kept between processes, and made again where what was kept is damaged."""

from __future__ import annotations

import contextlib
from typing import Any, final

from numba.core.caching import FunctionCache


@final
class MendingCache(FunctionCache):
    """Numba's cache of a function. What cannot be read, as after a kill of the machine or on a full disk, counts as not there.

    Numba itself lets the error through, and its file would stay in the way of every process from then on.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was kept, or None. A file that cannot be read may raise anything, as the rest of it is any bytes."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # noqa: BLE001 - see above; the function is compiled anew
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled; where there is no room for it, each process compiles for itself."""
        with contextlib.suppress(Exception):
            super().save_overload(sig, data)
