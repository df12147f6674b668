"""One scan that is in no bank, through an encoder under a view: for a search by what has just come from the scanner. Nothing is stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..store.errors import ReadError, UsageError
from ..store.local_map import Located
from ..store.progress import Silent
from ..store.readers import load_volume
from ..store.readers.scans import Images, find_scans
from ..store.scan import Volume
from ..store.specs import FeatureKey
from .decoding import check_voxels
from .encoder import Encoder
from .hu_check import examine
from .views import slice_batches, volume_batches, wanted_slices
from .wanted import is_aided, is_resampled

_PLANES = 32


def read_scan(path: Path) -> Volume:
    """The scan in a file, or in a folder of DICOM files.

    Raises:
        UsageError: there is none, or there are several.
        ReadError: it cannot be read, or holds voxels that no encoder should see.
    """
    found = find_scans([path], Images(), 1, Silent())
    if len(found.scans) != 1:
        why = f" ({found.rejected[0].reason})" if found.rejected and not found.scans else ""
        raise UsageError(f"{path} holds {len(found.scans) or 'no'} scans{why}; name one file, or the folder of one series")
    header = found.scans[0]
    volume = load_volume(Located(header.kind, header.sources, header.exported_window))
    check_voxels(volume, len(header.slices))
    if volume.has_hu and (verdict := examine(volume.voxels)).judgement == "wrong":
        raise ReadError(f"{path}: {verdict}")
    return volume


def encode_scan(encoder: Encoder, key: FeatureKey, volume: Volume) -> NDArray[np.float32]:
    """(D,) as the feature set of `key` has a scan: of volumes its vector, of slices or planes the mean of theirs.

    Raises:
        UsageError: the view needs more than the scan itself.
        ViewError: the scan cannot give the view.
        EncoderError: the encoder takes no scans, or the view does not fit it.
    """
    view = key.view
    if is_aided(view) and (view.align or view.mask.startswith("user:")):
        raise UsageError(f"the view of {key.name} needs a mask or a reference beside the scan; ingest and embed the scan, then name its id")
    encoder.check_view(view)
    if "volume" in encoder.offers and key.kind != "slice":
        _, voxels, _ = next(volume_batches(volume, [view], encoder.spec.input_range))
        return encoder.encode_volumes(voxels[None]).vector[0]
    if is_resampled(view):
        _, voxels, _ = next(volume_batches(volume, [view], encoder.spec.input_range))
        planes = np.ascontiguousarray(voxels.transpose(1, 0, 2, 3))
        parts = [planes[at : at + _PLANES] for at in range(0, len(planes), _PLANES)]
    else:
        made = slice_batches(volume, [view], encoder.spec.input_range, _PLANES, wanted_slices(view, volume))
        parts = [pixels for _, (pixels,) in made]
    return np.concatenate([encoder.encode_slices(part).vector for part in parts]).mean(axis=0, dtype=np.float64).astype(np.float32)
