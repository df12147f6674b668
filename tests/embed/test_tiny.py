"""The release of `tiny` that comes with the package."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from phantom_bodies import ball, body, series
from scanbank.embed.encoder import Encoder
from scanbank.embed.encoders.tiny_models import VIEW
from scanbank.embed.registry import open_encoder
from scanbank.embed.tiny.bundled import RELEASES, Bundled, bundled_parents
from scanbank.embed.views import volume_voxels
from scanbank.eval.phantoms.acquire import acquire
from scanbank.eval.phantoms.volume import volume_of
from scanbank.store.errors import EncoderError, UnknownNameError

TEXTS = ["Left pleural effusion.", "No pleural effusion.", "Rundherd im rechten Oberlappen."]


@pytest.fixture(scope="module")
def tiny() -> Encoder:
    return open_encoder("tiny", device="cpu")


@pytest.fixture(scope="module")
def scans() -> np.ndarray:
    """Two bodies that differ by a ball, in tiny's view."""
    balls = (ball((0, 0, 0), 30), ball((20, 10, 5), 12))
    made = [volume_of(acquire(body(np.where(shape, 60.0, -800.0)), series())) for shape in balls]
    return np.stack([volume_voxels(volume, VIEW, (-1.0, 1.0))[0] for volume in made])


def test_a_release_is_small() -> None:
    for release in RELEASES.iterdir():
        assert sum(file.stat().st_size for file in release.iterdir()) < 8_000_000


def test_it_is_named_by_its_version_and_says_what_it_is(tiny: Encoder) -> None:
    assert tiny.spec.name == "tiny@1"
    assert tiny.offers == {"volume", "text"}
    assert tiny.gives_depth
    assert "no clinical model" in tiny.note
    assert open_encoder("tiny@1", device="cpu").spec == tiny.spec
    with pytest.raises(UnknownNameError, match="version of tiny '99' is unknown"):
        open_encoder("tiny@99")
    with pytest.raises(UnknownNameError, match="version of tiny-vocabfine '2' is unknown"):
        open_encoder("tiny-vocabfine@2")
    random = open_encoder("tiny", random_weights=3, device="cpu").spec
    assert (random.name, random.digest != tiny.spec.digest) == ("tiny@1+random3", True)


def test_versions_tell_what_they_were_made_from(tiny: Encoder) -> None:
    second, vocabfine = open_encoder("tiny@2", device="cpu").spec, open_encoder("tiny-vocabfine", device="cpu").spec
    assert (second.name, second.parent) == ("tiny@2", open_encoder("tiny@1", device="cpu").spec.digest)
    assert (vocabfine.name, vocabfine.parent) == ("tiny-vocabfine@1", second.digest)
    assert bundled_parents()[second.digest] == Bundled("tiny@2", second.parent)
    assert bundled_parents()[second.parent] == Bundled("tiny@1", "")
    assert len({tiny.spec.weights, second.weights, vocabfine.weights}) == 3
    assert open_encoder("tiny@2", random_weights=1, device="cpu").spec.parent == ""


def test_a_folder_whose_card_names_a_parent_of_no_digest_is_no_release(tmp_path: Path) -> None:
    folder = shutil.copytree(RELEASES / "2", tmp_path / "copy")
    second, copy = (open_encoder(uri, device="cpu").spec for uri in ("tiny@2", f"tiny:{folder}"))
    assert (copy.parent, copy.weights) == (second.parent, second.weights)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"parent": ["a"]}))
    with pytest.raises(EncoderError, match="is no release of tiny"):
        open_encoder(f"tiny:{folder}")


def test_vectors_of_scans(tiny: Encoder, scans: np.ndarray) -> None:
    found = tiny.encode_volumes(scans)
    assert (found.vector.shape, found.vector.dtype) == ((2, tiny.spec.dim), np.float32)
    np.testing.assert_allclose(np.linalg.norm(found.vector, axis=1), 1, atol=1e-5)
    assert found.depth is not None
    assert found.depth_mask is not None
    assert found.depth.shape == (2, VIEW.shape[0] // 2, tiny.spec.dim)  # pyright: ignore[reportOptionalSubscript]
    np.testing.assert_allclose(np.linalg.norm(found.depth[found.depth_mask], axis=1), 1, atol=1e-5)
    assert 0 < found.depth_mask.sum() < found.depth_mask.size  # the bodies are shorter than the view
    np.testing.assert_array_equal(tiny.encode_volumes(scans.copy()).vector, found.vector)
    alone = np.concatenate([tiny.encode_volumes(scans[i : i + 1]).vector for i in range(2)])
    np.testing.assert_allclose(alone, found.vector, atol=1e-5)
    assert found.vector[0] @ found.vector[1] < 1 - 1e-4


def test_vectors_of_texts(tiny: Encoder) -> None:
    found = tiny.encode_texts(TEXTS).vector
    assert found.shape == (3, tiny.spec.dim)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([tiny.encode_texts([text]).vector for text in TEXTS]), found, atol=1e-5)


def test_negation_and_synonyms_are_read(tiny: Encoder) -> None:
    said = ("Pleural effusion is present.", "There is fluid in the pleural space.", "No pleural effusion.", "Without pleural fluid.")
    present, fluid, no, without = tiny.encode_texts(list(said)).vector
    assert present @ fluid > max(present @ no, fluid @ no)
    assert no @ without > max(no @ present, without @ fluid)


def test_what_it_does_not_take_is_one_clear_error(tiny: Encoder, scans: np.ndarray) -> None:
    with pytest.raises(EncoderError, match="it has no slice side"):
        tiny.encode_slices(scans[:, :, 0])
    broken = scans.copy()
    broken[0, 0, 40, 40, 40] = np.nan
    with pytest.raises(EncoderError, match="not finite"):
        tiny.encode_volumes(broken)
