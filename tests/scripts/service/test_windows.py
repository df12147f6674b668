"""Windows that a client asks for reach as far as they say, also where the model's own view clips HU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from dicom_files import write_series
from scanbank.embed.encoder import Encoded, Encoder, Side
from scanbank.store.specs import EncoderSpec, ViewSpec
from scanbank.store.windows import Window
from service_servers import client_of, serving

CLIP = (-1000.0, 1000.0)


class Brightest(Encoder):
    """The largest value of what it is given."""

    def __init__(self, side: Side) -> None:
        self.spec = EncoderSpec("brightest", "1", 1)
        self.view = ViewSpec((Window(*CLIP),), clip=CLIP)
        self.offers = frozenset({side})
        self.channels = frozenset({1})

    def _encode(self, side: Side, batch: Any) -> Encoded:
        return Encoded(np.asarray(batch, np.float32).reshape(len(batch), -1).max(axis=1, keepdims=True))


def hu() -> np.ndarray[Any, Any]:
    """(3, 16, 16), the brightest of them 1900."""
    values = np.random.default_rng(0).integers(-900, 900, (3, 16, 16)).astype(np.int16)
    values[:, 5, 5] = 1900
    return values


@pytest.mark.parametrize(
    ("query", "brightest", "clip"),
    [
        ("", 1.0, CLIP),  # the model's own
        ("window=bone", (1900 + 800) / 2800, None),  # -800..2000; of HU cut to 1000 it would be 0.64
        ("window=lung", 1.0, None),  # -1350..150
        ("window=brain", 1.0, CLIP),  # 0..80
    ],
)
def test_windows_that_reach_beyond_the_clip_are_not_cut(tmp_path: Path, query: str, brightest: float, clip: Any) -> None:
    for side in ("volume", "slice"):
        encoder = Brightest(side)
        scan = nib.Nifti1Image(hu().T, np.diag([-3.0, -3.0, 5.0, 1.0])).to_bytes()
        (path, *_) = write_series(tmp_path / side, voxels=hu() + 1024)
        with serving([encoder]) as server, client_of(server) as client:
            headers = {"Content-Type": "application/octet-stream"}
            (result,) = client.post(f"/v1/embed/volume?{query}", content=scan, headers=headers).json()["results"]
            assert result["vector"] == [pytest.approx(brightest)]
            if side == "slice":
                answer = client.post(
                    f"/v1/embed/image?{query}", content=path.read_bytes(), headers={"Content-Type": "application/dicom"}
                ).json()
                assert answer["vectors"] == [[pytest.approx(brightest)]]
                windows = {
                    "": Window(*CLIP),
                    "window=bone": Window(-800, 2000),
                    "window=lung": Window(-1350, 150),
                    "window=brain": Window(0, 80),
                }
                assert answer["view"] == result["view"] == ViewSpec((windows[query],), clip=clip).digest
