"""Commands about a bank through time: log, tag, alias, compact."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from .options import At, BankPath, Json
from .output import complain, print_json, print_table, progress, say, size


def log(bank: BankPath, json: Json = False) -> None:
    """List the snapshots of a bank, newest first, with their tags."""
    from ..store import Bank

    entries = Bank.open(bank).log()
    if json:
        print_json([{"snapshot": e.snapshot, "at": e.at, "message": e.message, "tags": e.tags, "metadata": e.metadata} for e in entries])
    else:
        rows = [(e.snapshot, e.at.strftime("%Y-%m-%d %H:%M:%S"), ", ".join(e.tags), e.message) for e in entries]
        print_table(("snapshot", "at", "tags", "message"), rows)


def tag(
    bank: BankPath,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The tag. Without it, tags are listed.", show_default=False)] = None,
    at: At = None,
    delete: Annotated[bool, typer.Option("--delete", help="Take the tag away. Its name cannot be given again.")] = False,
    json: Json = False,
) -> None:
    """Name a snapshot, by default the newest: it stays readable (--at NAME) whatever is compacted."""
    from ..store import Bank

    opened = Bank.open(bank)
    if name is None:
        if at or delete:
            complain("error: name the tag, such as `scanbank tag BANK paper-1`")
            raise typer.Exit(2)
        if json:
            print_json(opened.tags)
        else:
            print_table(("tag", "snapshot"), list(opened.tags.items()))
        return
    if delete:
        opened.untag(name)
        say(f"tag {name} taken away")
        return
    snapshot = opened.tag(name, at)
    if json:
        print_json({"tag": name, "snapshot": snapshot})
    else:
        say(f"tag {name} is snapshot {snapshot}")


def alias(
    bank: BankPath,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The alias. Without it, aliases are listed.", show_default=False)
    ] = None,
    features: Annotated[str | None, typer.Argument(metavar="FEATURES", help="The feature set it stands for.", show_default=False)] = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Let a name stand for a feature set, and move it to another later; --at shows it as it was."""
    from ..store import Bank

    opened = Bank.open(bank, at=at)
    if name and features:
        opened.alias(name, features)
        opened.refresh()
    names = {one.digest: one.name for one in opened.feature_sets}
    shown = {alias: {"features": names.get(digest, ""), "digest": digest} for alias, digest in sorted(opened.aliases.items())}
    if name:
        if name not in shown:
            from ..store.errors import UnknownNameError

            raise UnknownNameError("alias", name, shown)
        shown = {name: shown[name]}
    if json:
        print_json(shown)
    else:
        print_table(("alias", "features", "digest"), [(alias, one["features"], one["digest"][:12]) for alias, one in shown.items()])


def compact(
    bank: BankPath,
    keep: Annotated[int, typer.Option("--keep", min=1, help="Snapshots of the history that stay readable, besides those with tags.")] = 10,
    grace: Annotated[
        float, typer.Option("--grace", min=0.0, help="Hours for which files stay that nothing lists: a commit may be under way.")
    ] = 1.0,
    json: Json = False,
) -> None:
    """Merge table files, drop vectors that belong to no item, forget old snapshots, and remove what nothing needs."""
    from dataclasses import asdict

    from ..store import Bank
    from ..store.compact import compact as run

    with progress() as listener:
        done = run(Bank.open(bank), keep=keep, grace=timedelta(hours=grace), progress=listener)
    if json:
        print_json(asdict(done))
        return
    say(f"{done.files_merged} table files merged; {done.rows_superseded} superseded rows, {done.vectors_dropped} orphaned vectors dropped")
    say(f"{done.snapshots_expired} snapshots forgotten, {done.files_removed} files removed")
    say(f"{size(done.bytes_before)} before, {size(done.bytes_after)} after")
