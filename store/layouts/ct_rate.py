"""CT-RATE: chest CT with reports and 18 findings (Hamamci et al., arXiv:2403.17834; github.com/ibrahimethemhamamci/CT-CLIP).

`train/train_1/train_1_a/train_1_a_1.nii.gz` is the first reconstruction of scan a of patient train_1. Files of the first release hold the
scanner's stored values under a default header, those of the second (`train_fixed`) HU; the tables are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

from ..declared import Declared
from ..errors import TableError
from ..scan import Rejected
from .base import Layout, LayoutTable
from .ct_rate_metadata import VOLUME, is_metadata, read_metadata, volume_name
from .ct_rate_tables import ReadTable, is_labels, is_reports, read_labels, read_reports
from .finding import FoundTable, is_table

_NIFTI = (".nii", ".nii.gz")
_SEGMENTATIONS = ("ts_seg", "anatomy_segmentation")
"""How folders begin that hold masks, by the names of the volumes they are of."""
_CORRECTED = "_fixed"
"""How folders of the second release end."""
_NO_ROW = "no row of the metadata tables is of it, so its HU cannot be trusted; give the table that has one"


def open_tables(found: Sequence[FoundTable], roots: Sequence[Path]) -> Layout:
    """The collection, of the tables of metadata, labels and reports among those found.

    Raises:
        TableError: there are scans and no metadata, a table that was named is none of these, or one cannot be understood.
    """
    metadata = [one.path for one in found if is_metadata(one.columns)]
    labels = [one for one in found if is_labels(one.columns)]
    reports = [one for one in found if is_reports(one.columns)]
    known = {*metadata, *(one.path for one in (*labels, *reports))}
    if other := [one.path.name for one in found if one.named and one.path not in known]:
        raise TableError(
            f"{other[0]}: no table of CT-RATE's; expected {VOLUME} and RescaleSlope, RescaleIntercept (metadata), or findings such as "
            "Cardiomegaly (labels), or Findings_EN and Impressions_EN (reports)"
        )
    if not metadata and any(not is_table(root) for root in roots):
        raise TableError(
            f"ct-rate: no metadata table below {', '.join(map(str, roots))}, and files of the first release hold no HU without it; name "
            "train_metadata.csv or validation_metadata.csv after the folder"
        )
    tables = [*(read_labels(one.path) for one in labels), *(read_reports(one.path) for one in reports)]
    return CTRate(roots, read_metadata(metadata), tables)


@final
class CTRate(Layout):
    """The volumes by their names, and what tables say of them."""

    def __init__(self, roots: Sequence[Path], metadata: Mapping[str, Declared | str], tables: Sequence[ReadTable]) -> None:
        self._roots = [root.resolve() for root in roots]
        self._metadata = metadata
        self._tables = tables

    def declare(self, path: Path) -> Declared | Rejected | None:
        """Whose a NIfTI file is, and its rescale and spacing by the metadata."""
        if not path.name.lower().endswith(_NIFTI):
            return None
        folders = self._folders(path)
        if any(folder.startswith(_SEGMENTATIONS) for folder in folders):
            return Rejected(path, "a segmentation by its folder; --masks takes masks", left_out=True)
        name = volume_name(path.name)
        if name is None:
            return Rejected(path, "its name is none of CT-RATE's (such as train_1_a_1.nii.gz); ingest it without --layout, or rename it")
        declared = self._metadata.get(name.series, _NO_ROW)
        if isinstance(declared, str):
            return Rejected(path, f"{declared}; without --layout its header is taken at its word")
        return replace(declared, corrected=any(folder.endswith(_CORRECTED) for folder in folders))

    def _folders(self, path: Path) -> list[str]:
        """Lower-case names of the folders that a file is in, from the one that the user named."""
        below = next((path.relative_to(root.parent) for root in self._roots if path.is_relative_to(root)), path)
        return [folder.lower() for folder in below.parts[:-1]]

    def tables(self, scans: Iterable[Path]) -> Sequence[LayoutTable]:
        """Labels and reports of studies, as reconstructions of one scan share them."""
        names = (volume_name(path.name) for path in scans if path.name.lower().endswith(_NIFTI))
        studies = {name.study for name in names if name}
        return [table.split(studies) for table in self._tables]
