"""What an adaptation leaves behind, and what a bank that changes meanwhile does to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from adapt_banks import net_encoder, scans_bank
from scanbank.embed.adapt.errors import AdaptError
from scanbank.embed.adapt.opening import kept_named
from scanbank.embed.adapt.recipe import Recipe
from scanbank.eval.adapt_data import Learned, adapt_items, report_items
from scanbank.eval.adapt_run import Child, run
from scanbank.eval.adapt_validation import _finite
from scanbank.eval.adapting import Place, _digest, prepared
from scanbank.eval.children import ForgottenError, embed_child, keep_child
from scanbank.eval.wise_run import Way
from scanbank.store import Bank
from scanbank.store.annotate import AnnotateOptions, annotate
from scanbank.store.csv_table import TableOptions, read_table
from scanbank.store.errors import BankAccessError, UsageError
from scanbank.store.forget import forget
from scanbank.store.progress import Silent
from scanbank.store.voxel_cache import states_folder, voxel_folder

FULL = Recipe(method="full", epochs=2, learning_rate=1e-2)
ASKED = Learned(("bleed",))


class Meanwhile(Silent):
    """Does something once training has begun, or has told of an epoch."""

    def __init__(self, what: Callable[[], object], at: str = "adapting") -> None:
        self.what, self.at, self.done = what, at, False

    def start(self, stage: str, total: int | None = None) -> None:
        self._look(stage)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._look(note)

    def _look(self, said: str) -> None:
        if said.startswith(self.at) and not self.done:
            self.done = True
            self.what()


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bank:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return scans_bank(tmp_path, 20)


def adapted(bank: Bank, name: str = "child", recipe: Recipe = FULL, progress: Silent | None = None, place: Place | None = None) -> Child:
    ready = prepared(bank, net_encoder(), recipe, ASKED, net_encoder().view)
    return run(ready, "net-volume", name, net_encoder, place or Place(), progress or Silent())


def seen(bank: Bank) -> list[str]:
    items = adapt_items(bank, ASKED)
    return [items.items[row] for row in [*items.train, *items.val]]


def test_the_state_is_there_until_the_child_is_kept(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise BankAccessError("writing failed: no space left")

    monkeypatch.setattr("scanbank.eval.adapt_run.keep_child", full)
    with pytest.raises(BankAccessError):
        adapted(bank)
    (state,) = states_folder(bank.card["bank"]).glob("*/state.safetensors")
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(state.parents[4]))
    monkeypatch.setattr("scanbank.embed.adapt.supervised.Supervised.loss", full)  # nothing is trained again
    child = adapted(bank)
    assert child.adapted is not None
    assert len(child.card.epochs) == 2
    assert not list(states_folder(bank.card["bank"]).glob("*"))


def test_a_users_own_folder_stays(bank: Bank, tmp_path: Path) -> None:
    adapted(bank, place=Place(tmp_path / "work"))
    assert list((tmp_path / "work").iterdir()) == []


def test_sides_are_written_down_before_anything_is_learned(bank: Bank) -> None:
    assert not bank.sql("SELECT 1 FROM splits").num_rows
    adapted(bank)
    patients = bank.sql("SELECT DISTINCT patient FROM volumes").num_rows
    assert bank.sql("SELECT item FROM latest_splits WHERE split = 'patients-0'").num_rows == patients
    before = seen(bank)
    with bank.commit("labels that would make others of a new split") as commit:
        row = {"level": "volume", "finding": "other", "status": "present", "source": "table"}
        volumes = bank.sql("SELECT volume FROM volumes ORDER BY volume LIMIT 7").column(0).to_pylist()
        commit.append("labels", [row | {"item": volume} for volume in volumes])
    bank.refresh()
    assert sorted(seen(bank)) == sorted(before)


def test_the_same_by_another_name_is_the_one_that_is_there(bank: Bank) -> None:
    adapted(bank)
    again = adapted(bank, "other")
    assert (again.encoder.spec.name, again.adapted) == ("adapted:child", None)
    (point,) = Way(bank, kept_named(bank, "child"), net_encoder).walk([0.5], 1, Silent())
    assert point.spec.name == "adapted:child-wise0.5"
    for recipe in (FULL, replace(FULL, seed=1)):  # what lies between two is none that was trained
        with pytest.raises(UsageError, match=r"holds an adapted encoder 'child-wise0\.5' of other settings"):
            adapted(bank, "child-wise0.5", recipe)
    assert adapted(bank, "other", replace(FULL, seed=1)).adapted is not None


def test_two_processes_that_make_the_same_write_it_once(bank: Bank) -> None:
    adapted(bank, progress=Meanwhile(lambda: adapted(Bank.open(bank.path, key_file=bank.path.parent / "key"))))
    bank.refresh()
    assert sorted(bank.sql("SELECT item FROM trained_items").column(0).to_pylist()) == sorted(seen(bank))
    assert bank.sql("SELECT 1 FROM encoders WHERE name = 'adapted:child'").num_rows == 1


@pytest.mark.parametrize("when", ["adapting", "keeping"])
def test_whoever_is_forgotten_meanwhile_is_not_learned_from(bank: Bank, when: str) -> None:
    volume = seen(bank)[0]
    (patient,) = bank.sql(f"SELECT patient FROM volumes WHERE volume = '{volume}'").column(0).to_pylist()
    other = Bank.open(bank.path, key_file=bank.path.parent / "key")
    at = {"adapting": Meanwhile, "keeping": partial(Meanwhile, at="epoch 2")}[when]
    with pytest.raises(ForgottenError, match="a patient was forgotten meanwhile whom adapted:child was to learn from"):
        adapted(bank, progress=at(lambda: forget(other, (), [patient])))
    bank.refresh()
    assert not bank.sql("SELECT 1 FROM encoders").num_rows
    assert not bank.sql("SELECT 1 FROM trained_items").num_rows
    assert not list(states_folder(bank.card["bank"]).rglob("*.safetensors"))
    assert not list(voxel_folder(bank.card["bank"]).rglob(f"*{volume}*"))
    assert adapted(bank).adapted is not None
    assert volume not in bank.sql("SELECT item FROM trained_items").column(0).to_pylist()


def test_one_of_the_test_side_who_is_forgotten_costs_nothing(bank: Bank) -> None:
    mine = set(seen(bank))
    volume = next(one for one in bank.sql("SELECT volume FROM volumes").column(0).to_pylist() if one not in mine)
    (patient,) = bank.sql(f"SELECT patient FROM volumes WHERE volume = '{volume}'").column(0).to_pylist()
    other = Bank.open(bank.path, key_file=bank.path.parent / "key")
    child = adapted(bank, progress=Meanwhile(lambda: forget(other, (), [patient])))
    assert child.adapted is not None
    assert child.embedded is not None
    assert sum(child.embedded.sets.values()) == 19


def test_forgetting_takes_the_states_of_runs_that_were_begun(bank: Bank) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapted(bank, progress=Meanwhile(stop))
    folder = states_folder(bank.card["bank"]) / "begun"
    folder.mkdir(parents=True)
    (folder / "state.safetensors").write_bytes(b"weights")
    (patient,) = bank.sql(f"SELECT patient FROM volumes WHERE volume = '{seen(bank)[0]}'").column(0).to_pylist()
    forget(bank, (), [patient])
    assert not folder.exists()


def test_what_a_report_says_and_which_voxels_a_scan_has_count_as_data(bank: Bank, tmp_path: Path) -> None:
    table = tmp_path / "reports.csv"

    def digest(text: str) -> str:
        rows = (f'{tmp_path}/scans/s{i}.nii.gz,"FINDINGS: {text if i else "No bleed"} {i}."' for i in range(20))
        table.write_text("path,report\n" + "\n".join(rows) + "\n")
        annotate(bank, table, read_table(table, TableOptions(), want="reports"), AnnotateOptions())
        bank.refresh()
        items = report_items(bank, Learned(()), labelled=False)
        return _digest(items, items.train, items.val)

    first = digest("A bleed")
    assert digest("A bleed") == first
    assert digest("No bleed seen") != first
    items = adapt_items(bank, ASKED)
    moved = replace(items, ordinals=items.ordinals + 1000)
    assert _digest(moved, moved.train, moved.val) != _digest(items, items.train, items.val)


def test_ctrl_c_while_the_bank_is_embedded_ends_the_command(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    encoder = net_encoder()
    monkeypatch.setattr(encoder, "encode_volumes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embed_child(bank, encoder, encoder.view, 1, Silent())


def test_a_child_without_looking_is_kept_as_before(bank: Bank) -> None:
    from adapted_encoders import adapted as made

    assert keep_child(bank, made("any"), ["a patient elsewhere"], "patient").name == "adapted:any"


def test_weights_that_went_wrong_win_no_validation(bank: Bank) -> None:
    with pytest.raises(AdaptError, match=r"not finite|the loss is|the gradient's norm is"):
        adapted(bank, recipe=replace(FULL, learning_rate=1e30, warmup=0.0))
    assert not bank.sql("SELECT 1 FROM encoders").num_rows


def test_vectors_that_are_not_finite_are_told() -> None:
    vectors = torch.tensor([[1.0, 2.0], [float("nan"), 1.0]])
    with pytest.raises(AdaptError, match=r"1 of 2 vectors of the validation side are not finite.*smaller --learning-rate"):
        _finite(vectors)
    assert _finite(vectors[:1]) is not None
