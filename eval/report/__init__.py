"""One self-contained page of what is in a bank."""

from .page import report

__all__ = ["report"]
