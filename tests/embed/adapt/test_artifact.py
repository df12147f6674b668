"""Adapted encoders as files: what is written is read, and whatever is wrong with it is told in one line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from adapted_encoders import adapted
from scanbank.embed.adapt.artifact import ADAPTER, CARD, Artifact, artifact_of, read_artifact, write_artifact
from scanbank.store.errors import EncoderError, UsageError


@pytest.fixture(scope="module")
def one() -> Artifact:
    return adapted("brain-partial", epochs=[{"epoch": 1, "score": 0.75}], best=1, logit_scale=12.5)


def test_a_folder_holds_all_of_it_and_is_never_overwritten(one: Artifact, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "first"
    write_artifact(folder, one)
    assert sorted(path.name for path in folder.iterdir()) == [ADAPTER, CARD]
    read = read_artifact(folder)
    assert (read.card, read.spec, read.sha256) == (one.card, one.spec, hashlib.sha256((folder / ADAPTER).read_bytes()).hexdigest())
    assert all(torch.equal(value, one.tensors[name]) for name, value in read.tensors.items())
    with pytest.raises(UsageError, match="exists already; an adapted encoder is not overwritten"):
        write_artifact(folder, one)


def test_the_childs_spec_is_the_parents_with_its_own_name_adapter_and_scale(one: Artifact) -> None:
    spec, parent = one.spec, one.card.parent
    assert (spec.name, spec.parent, spec.adapter, spec.weights) == ("adapted:brain-partial", parent.digest, one.sha256, parent.weights)
    assert (spec.logit_scale, spec.logit_bias, spec.dim) == (12.5, parent.logit_bias, parent.dim)
    assert spec.digest != parent.digest


def test_the_same_weights_make_the_same_bytes_and_what_is_done_with_them_is_among_these() -> None:
    first = adapted("a", seed=3)
    assert first.content == adapted("a", seed=3).content
    assert first.sha256 != adapted("a", seed=3, logit_scale=1.0).sha256 != adapted("a", seed=4).sha256


def _edited(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, bytes]], None]:
    def edit(files: dict[str, bytes]) -> None:
        told = json.loads(files[CARD])
        change(told)
        files[CARD] = json.dumps(told).encode()

    return edit


def _resealed(tensors: dict[str, torch.Tensor]) -> Callable[[dict[str, bytes]], None]:
    """An adapter with other tensors, whose digest the card names."""

    def edit(files: dict[str, bytes]) -> None:
        told = json.loads(files[CARD])
        length = int.from_bytes(files[ADAPTER][:8], "little")
        files[ADAPTER] = save(tensors, metadata=json.loads(files[ADAPTER][8 : 8 + length])["__metadata__"])
        told["adapter"] |= {"sha256": hashlib.sha256(files[ADAPTER]).hexdigest(), "bytes": len(files[ADAPTER])}
        files[CARD] = json.dumps(told).encode()

    return edit


_DAMAGE: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    "no card": (lambda files: files.pop(CARD), "holds no card.json"),
    "no adapter": (lambda files: files.pop(ADAPTER), "holds no adapter.safetensors"),
    "cut": (lambda files: files.update({ADAPTER: files[ADAPTER][:-4]}), r"is damaged: it has .* bytes, its card says"),
    "flipped": (lambda files: files.update({ADAPTER: files[ADAPTER][:-1] + b"\x55"}), "its bytes are not those of its card's sha256"),
    "no JSON": (lambda files: files.update({CARD: b"\xff{"}), "is damaged: it is no JSON"),
    "nested JSON": (lambda files: files.update({CARD: b"[" * 100_000}), "is damaged: it is no JSON"),
    "a list": (lambda files: files.update({CARD: b"[1]"}), "names no format"),
    "newer": (_edited(lambda told: told.update(format=2)), "is of format 2; this scanbank reads up to format 1: upgrade"),
    "unknown key": (_edited(lambda told: told.update(surprise=1)), "has 'surprise', which no card of format 1 has"),
    "missing key": (_edited(lambda told: told.pop("moving")), "lacks 'moving'"),
    "unknown setting": (_edited(lambda told: told["moving"].update(ranks=4)), "is damaged or was edited: .*ranks"),
    "a text for a rank": (_edited(lambda told: told["moving"].update(rank="8")), "'8' stands where a number is expected"),
    "another parent": (_edited(lambda told: told["parent"]["spec"].update(dim=7)), "digest is not that of the parent it describes"),
    "other method": (_edited(lambda told: told["moving"].update(method="full")), "say different things of how the adapter is put into"),
    "other scale": (_edited(lambda told: told.update(logit_scale=1.0)), "say different things of how the adapter is put into"),
    "a path for a name": (_edited(lambda told: told.update(name="../up")), "cannot be called '../up'"),
    "not finite": (_resealed({"x": torch.tensor([float("nan")])}), "'x' is not of finite floating-point numbers"),
    "integers": (_resealed({"x": torch.tensor([1])}), "'x' is not of finite floating-point numbers"),
    "empty": (_resealed({}), "it holds no tensor"),
}


@pytest.mark.parametrize("damage", list(_DAMAGE))
def test_damage_is_told(one: Artifact, damage: str) -> None:
    files = dict(one.files)
    change, told = _DAMAGE[damage]
    change(files)
    with pytest.raises(EncoderError, match=told):
        artifact_of(files, "here")


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"card.json does not exist; an adapted encoder is a folder with adapter"):
        read_artifact(tmp_path)


def test_nothing_and_what_is_not_finite_are_no_adapters(one: Artifact) -> None:
    with pytest.raises(UsageError, match="has no tensor: nothing was trained"):
        Artifact.made(one.card, {})
    with pytest.raises(UsageError, match="not finite in 'x'; training went wrong"):
        Artifact.made(one.card, {"x": torch.tensor([float("inf")])})


def test_a_banks_card_holds_no_path(one: Artifact) -> None:
    from dataclasses import replace

    with_path = replace(one, card=replace(one.card, uri="siglip:/home/someone/models/mine"))
    assert with_path.for_bank().card.uri == "siglip:mine"
    assert with_path.for_bank().spec == one.spec
    assert "someone" not in with_path.for_bank().card_text


def test_settings_that_came_later_have_their_defaults_in_older_files(one: Artifact) -> None:
    """As if `bottleneck`, which has its default, had not been there when this was written."""
    files, said = dict(one.files), json.loads(one.card.told_by_weights())
    del said["moving"]["bottleneck"]
    content = save(dict(one.tensors), metadata={"scanbank": json.dumps(said)})
    told = json.loads(files[CARD])
    del told["moving"]["bottleneck"]
    told["adapter"] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    read = artifact_of({ADAPTER: content, CARD: json.dumps(told).encode()}, "here")
    assert read.card == one.card
