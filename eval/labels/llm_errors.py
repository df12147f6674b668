"""What can go wrong with an endpoint, by what helps. Reasons quote neither answers nor error texts: these may quote the report."""

from __future__ import annotations

from ...store.errors import ScanbankError


class EndpointError(ScanbankError, ConnectionError):
    """The endpoint itself is out of reach or refuses: no report's fault. Answers that came are kept."""


class AnswerError(ValueError):
    """An answer that does not do; asking again may help. `content` is what was answered, which is shown to nobody but the model."""

    def __init__(self, reason: str, content: str = "") -> None:
        super().__init__(reason)
        self.content = content


class BusyError(OSError):
    """The endpoint is busy, failed or broke off; asking again after a pause may help."""

    def __init__(self, reason: str, first_pause_s: float = 0.5, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.first_pause_s = first_pause_s
        self.retry_after_s = retry_after_s
        """As the endpoint asked; all requests wait so long."""


class RefusedError(ValueError):
    """The endpoint does not take this report; asking again helps nothing."""
