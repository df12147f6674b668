"""What `scanbank label --method llm` does: what would be sent is shown first, and sent on the user's word alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from .output import complain, print_json, progress, say

if TYPE_CHECKING:
    from ..eval.labels.bank_labels import Labelled
    from ..eval.labels.finding import FindingSet
    from ..eval.labels.llm_settings import LlmSettings
    from ..store.bank import Bank


def label_by_model(
    bank: Bank,
    findings: FindingSet,
    settings: LlmSettings,
    prices: tuple[float | None, float | None],
    *,
    dry_run: bool,
    json: bool,
    tell: Callable[[Labelled], None],
) -> None:
    """Label, or show what would be sent.

    Args:
        bank: whose reports.
        findings: what is asked for.
        settings: whom and how.
        prices: of a million tokens in and out.
        dry_run: nothing is sent and nothing written.
        json: print JSON.
        tell: prints what became of reports, for people.

    Raises:
        Exit: 2 where texts would have to be sent and may not, 1 where reports got no answer.
    """
    from ..eval.labels.bank_llm import label_by_llm, llm_job
    from ..eval.labels.llm_plan import estimate, what_is_sent

    job = llm_job(bank, findings, settings)
    about = estimate(job.planned, job.prompt)
    given = [price or 0.0 for price in prices]
    cost = about.price(*given) if any(price is not None for price in prices) else None
    if about.requests and (dry_run or not settings.send_text):
        if json:
            told = {"endpoint": settings.url, "model": settings.model, **asdict(about), "price": cost, "prompt": job.prompt.instructions}
            print_json({"would_send": told})
        else:
            say(what_is_sent(job.planned, job.prompt, settings) + ("" if cost is None else f"\n\nabout {cost:.2f} at these prices"))
        if dry_run:
            return
        complain("error: nothing was sent; add --yes-send-text to send these texts there")
        raise typer.Exit(2)
    if about.requests:
        price = "" if cost is None else f", about {cost:.2f} at these prices"
        tokens = f"about {about.tokens_in:,} tokens in and {about.tokens_out:,} out{price}"
        complain(f"sending {about.requests} reports to {settings.url}; {tokens}; {about.answered} of {about.reports} are answered already")
        if settings.in_clear:
            complain(f"note: texts cross the network unencrypted: {settings.host} is not this machine, and the address begins with http:")
    with progress(not json) as listener:
        done = label_by_llm(bank, job, write=not dry_run, progress=listener)
    if json:
        said = {"asked": done.said.asked, "answered_before": done.said.answered_before, "notes": list(done.said.notes)}
        print_json(asdict(done.labelled) | said | {"failures": dict(done.failures)})
    else:
        tell(done.labelled)
        for note in done.said.notes:
            complain(f"note: {note}")
        for reason, count in Counter(done.failures.values()).most_common():
            complain(f"{count} report{'s' * (count > 1)} without an answer: {reason}")
    if done.failures:
        if not json:
            complain("they have no labels, and the table failures names them; run the same command again to ask for these alone")
        raise typer.Exit(1)
