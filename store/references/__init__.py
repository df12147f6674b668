"""References to images in report text: "series 2, image 45" and its kin, in English and German, as numbers and offsets.

Pure text; what they lead to in a bank is found by the view `references` (`store/sql_references.py`).
"""

from .find import Reference, find_references

__all__ = ["Reference", "find_references"]
