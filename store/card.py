"""`bank.json`: what says that a folder is a bank, of which format, made with which key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .digests import canonical_json
from .errors import BankAccessError, BankExistsError, BankFormatError, NotABankError
from .places import Place
from .places.base import FEATURES

FORMAT = 2
"""The version of the bank's layout that this code writes."""
CARD = "bank.json"


def check_free(place: Place) -> None:
    """Raises BankExistsError where there is a bank, or anything else."""
    folder = place.folder
    found = [entry.name for entry in place.entries()] if folder is None else []
    if CARD in found or (folder and (folder / CARD).exists()):
        raise BankExistsError(f"{place.name} is a bank already; ingest into it, or choose another path")
    if found or (folder and folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        if any(name.startswith(FEATURES) for name in found) or (folder and (folder / FEATURES).is_dir()):
            why = f"holds {FEATURES}/ but no {CARD}: making a bank was interrupted, or it lost its card"
            raise BankExistsError(f"{place.name} {why}; delete it if it is nothing to keep, or choose another path")
        raise BankExistsError(f"{place.name} exists and is not an empty folder; choose another path")


def write_card(place: Place, card: Mapping[str, Any]) -> None:
    """With a digest of itself: a card that says something else opens nothing."""
    place.write(CARD, (json.dumps(dict(card) | {"sha256": card_digest(card)}, indent=2) + "\n").encode())


def read_card(place: Place) -> dict[str, Any]:
    """The card of a bank of any format up to FORMAT.

    Raises:
        NotABankError: there is none.
        BankFormatError: a newer scanbank wrote it, or it is damaged.
        BankAccessError: it cannot be read.
    """
    where = f"{place.name}/{CARD}"
    try:
        card: Any = json.loads(place.read(CARD))
    except PermissionError as error:
        raise BankAccessError(f"{where} cannot be read: permission denied") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        folder = place.folder
        what = f"holds no {CARD}"
        if folder:
            what = "does not exist" if not folder.exists() else what if folder.is_dir() else "is not a folder"
        raise NotABankError(f"{place.name} is not a bank: it {what}; make one with `scanbank init {place.name}`") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BankFormatError(f"{where} is damaged ({type(error).__name__}); restore it from a copy") from error
    except OSError as error:
        if place.folder is None:
            raise BankAccessError(f"{where} cannot be read: {error}") from error
        raise BankFormatError(f"{where} is damaged ({type(error).__name__}); restore it from a copy") from error
    version = card.get("format") if isinstance(card, dict) else None
    if not isinstance(version, int) or version < 1 or not {"bank", "key"} <= set(card):
        raise BankFormatError(f"{where} is damaged: it names no format, bank and key; restore it from a copy")
    if version > FORMAT:
        raise BankFormatError(f"{place.name} is of bank format {version}; this scanbank reads up to format {FORMAT}: upgrade scanbank")
    digest = card.pop("sha256", None)
    if (version > 1 or digest is not None) and digest != card_digest(card):
        raise BankFormatError(f"{where} is damaged: it is not what was written; restore it from a copy")
    return card


def card_digest(card: Mapping[str, Any]) -> str:
    """The digest of what a card says, which it says itself under `sha256`."""
    said = {name: value for name, value in card.items() if name != "sha256"}
    return hashlib.sha256(canonical_json(said).encode()).hexdigest()
