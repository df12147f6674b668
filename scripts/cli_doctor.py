"""The command that looks a bank over, and mends it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import BankPath, Json, KeyFile
from .output import print_json, progress, say


def doctor(
    bank: BankPath,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make again what follows from the rest, and set aside in quarantine/ what is lost.")
    ] = False,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Read every file of a bank and say in plain words what is wrong. Exit codes: 0 sound, 1 something is wrong."""
    from ..store.doctor import diagnose, is_sound
    from ..store.doctor import repair as mend
    from ..store.places import place_of

    with progress() as listener:
        if repair:
            done = mend(place_of(bank), key_file=key_file, progress=listener)
            found = done.after
        else:
            done, found = None, diagnose(place_of(bank), key_file=key_file, progress=listener)
    if json:
        said: dict[str, Any] = {"sound": is_sound(found), "findings": [finding.to_dict() for finding in found]}
        if done:
            said |= {
                "before": [finding.to_dict() for finding in done.before],
                "repaired": done.done,
                "quarantine": done.quarantine,
            }
        print_json(said)
    else:
        if done:
            _tell(done.before)
            for line in done.done:
                say(f"repaired: {line}")
            if done.quarantine:
                say(f"what was taken out lies in {done.quarantine}; delete it once nothing is missed")
        if not done or done.done:
            _tell(found)
        say(_summary(found, repaired=bool(done)))
    if not is_sound(found):
        raise typer.Exit(1)


def _tell(findings: list[Any]) -> None:
    for finding in findings:
        say(f"{finding.severity}: {finding.what} {finding.problem}")
        say(f"    {finding.remedy}")


def _summary(findings: list[Any], *, repaired: bool) -> str:
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in ("error", "warning", "note")}
    listed = ", ".join(f"{count} {severity}{'s' if count != 1 else ''}" for severity, count in counts.items() if count)
    if not counts["error"] and not counts["warning"]:
        return f"the bank is sound ({listed})" if listed else "the bank is sound"
    way = "" if repaired else "; `scanbank doctor --repair` mends what can be mended"
    return f"the bank is not sound: {listed}{way}"
