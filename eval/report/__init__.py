"""One self-contained page of what is in a bank; its tables also as text."""

from .page import report
from .texts import latex, markdown

__all__ = ["latex", "markdown", "report"]
