"""Decoding a volume from its sources, whatever their format."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from ..errors import ReadError, SourceChangedError
from ..local_map import Located
from ..scan import DECLARED, Volume

_LOADERS = {"dicom": ".dicom_pixels", "nifti": ".nifti", "hdf5": ".hdf5", "image": ".images"}


def import_loaders(kinds: Iterable[str]) -> None:
    """Import what decoding these kinds takes. Call it before threads decode: some libraries break when two threads import them at once."""
    for kind in set(kinds) - {DECLARED}:
        import_module(_LOADERS[kind], __package__)


def load_volume(located: Located, *, accept_changed: bool = False) -> Volume:
    """Decode a scan.

    Raises:
        SourceChangedError: a file has another size or time than at ingest.
        ReadError: it cannot be read.
    """
    if located.kind == DECLARED:
        raise ReadError("it is known by imported vectors only; ingest its scan")
    _check_unchanged(located, accept_changed)
    loader = import_module(_LOADERS[located.kind], __package__)
    if located.kind == "image":
        return loader.load(located.sources, located.exported_window)
    if located.kind == "nifti":
        return loader.load(located.sources, located.calibration)
    return loader.load(located.sources)


def load_mask(located: Located) -> Volume:
    """A mask as ingested, on a grid of its own: voxels over 0 are in it. Raises as `load_volume`."""
    if located.kind != "seg":
        return load_volume(located)
    _check_unchanged(located, False)
    from .dicom_seg import load

    return load(located.sources)


def _check_unchanged(located: Located, accept_changed: bool) -> None:
    way_out = "--accept-changed takes it as it is" if located.kind == "dicom" else "ingest its folder again: other bytes are another scan"
    for path, source in {source.path: source for source in located.sources}.items():
        try:
            stat = path.stat()
        except OSError as error:
            raise ReadError(f"a source file is not there any more ({error.strerror}); ingest the folder it moved to") from error
        if not accept_changed and (stat.st_size, stat.st_mtime_ns) != (source.size, source.mtime_ns):
            found = f"{stat.st_size} bytes" if stat.st_size != source.size else "another time of change"
            raise SourceChangedError(f"a source file changed since ingest ({source.size} bytes then, {found} now); {way_out}")
