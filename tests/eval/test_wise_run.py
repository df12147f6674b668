"""Between a parent and its child: each point is an encoder of the bank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adapt_banks import net_encoder, scans_bank
from scanbank.embed.adapt.opening import kept_named, within
from scanbank.embed.adapt.recipe import Recipe
from scanbank.eval.adapt_data import Learned
from scanbank.eval.adapt_run import run
from scanbank.eval.adapting import Place, prepared
from scanbank.eval.children import keep_child
from scanbank.eval.wise_run import Way
from scanbank.store import Bank
from scanbank.store.errors import UsageError
from scanbank.store.progress import Silent

VOXELS = np.random.default_rng(0).normal(size=(3, 1, 4, 8, 8)).astype(np.float32)


def adapted(bank: Bank, folder: Path, method: str) -> Way:
    encoder = net_encoder()
    recipe = Recipe(method=method, epochs=2, learning_rate=1e-2)
    ready = prepared(bank, encoder, recipe, Learned(("bleed",)), encoder.view)
    run(ready, "net-volume", method, net_encoder, Place(folder / "work", folder / "cache"), Silent())
    return Way(bank, kept_named(bank, method), net_encoder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wise")


@pytest.fixture(scope="module")
def bank(folder: Path) -> Bank:
    return scans_bank(folder, 20)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_points_lie_between_parent_and_child(bank: Bank, folder: Path, method: str) -> None:
    way = adapted(bank, folder, method)
    opened = within(bank, lambda _: net_encoder())
    (half,) = (point.encode_volumes(VOXELS).vector for point in way.walk((0.5,), 1, Silent()))
    parent, child = (one.encode_volumes(VOXELS).vector for one in (net_encoder(), opened(f"adapted:{method}")))
    assert not np.allclose(half, parent, atol=1e-4)
    assert not np.allclose(half, child, atol=1e-4)
    weight = "stem.weight" if method == "full" else "blocks.0.inner.weight"
    found = [net_encoder(), opened(f"adapted:{method}-wise0.5"), opened(f"adapted:{method}")]
    states = [one.model.get_parameter(weight).detach().numpy() for one in found]  # pyright: ignore[reportAttributeAccessIssue]
    np.testing.assert_allclose(states[1], (states[0] + states[2]) / 2, atol=1e-6)
    features = bank.features(f"adapted:{method}-wise0.5/-200..200/volume")
    assert len(features.items()) == 20


def test_a_point_saw_what_the_child_saw_and_is_made_once(bank: Bank, folder: Path) -> None:
    way = adapted(bank, folder, "full")
    (point,) = way.walk((0.5,), 1, Silent())
    query = "SELECT item FROM trained_items WHERE encoder = '{}' ORDER BY item"
    seen = [bank.sql(query.format(one)).column(0).to_pylist() for one in (point.spec.digest, way.kept.spec.digest)]
    assert seen[0] == seen[1] != []
    snapshot = bank.snapshot.id
    way.walk((0.5,), 1, Silent())
    bank.refresh()
    assert bank.snapshot.id == snapshot


def test_block_adapters_lie_on_no_line(bank: Bank, folder: Path) -> None:
    way = adapted(bank, folder, "adapters")
    with pytest.raises(UsageError, match="after lora, partial and full"):
        way.walk((0.5,), 1, Silent())
    with pytest.raises(UsageError, match="0 is the parent and 1 the child"):
        adapted(bank, folder, "full").walk((1.0,), 1, Silent())


def test_the_same_weights_have_one_name(bank: Bank, folder: Path) -> None:
    way = adapted(bank, folder, "full")
    with pytest.raises(UsageError, match="keeps these very weights as 'adapted:full'"):
        keep_child(bank, way.whole.renamed("other"), ())
