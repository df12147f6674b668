"""The command `scanbank label`: labels from the reports of a bank."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from . import llm_options as llm
from .options import BankPath, Json, KeyFile
from .output import print_json, print_table, progress, say

if TYPE_CHECKING:
    from ..eval.labels.bank_labels import Labelled


def label(
    bank: BankPath,
    findings: Annotated[
        str,
        typer.Option(metavar="SET", help="neuro16, chest18, cxr14, chexpert14, or a YAML file of your own.", show_default=False),
    ],
    method: Annotated[str, typer.Option(help="How reports are read: rules, or llm, a language model.")] = "rules",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be labelled; write nothing.")] = False,
    endpoint: llm.Endpoint = None,
    model: llm.Model = None,
    yes_send_text: llm.YesSendText = False,
    examples: llm.Examples = None,
    key_variable: llm.KeyVariable = "SCANBANK_LLM_KEY",
    concurrency: llm.Concurrency = 4,
    requests_per_minute: llm.PerMinute = None,
    timeout: llm.Timeout = 120.0,
    tries: llm.Tries = 6,
    max_tokens: llm.MaxTokens = 2000,
    answer_format: llm.AnswerFormat = "json_schema",
    price_in: llm.PriceIn = None,
    price_out: llm.PriceOut = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Label every report of a bank: present, absent, uncertain or unmentioned for each finding, as a source of its own."""
    from ..eval.labels import METHODS, LlmSettings, finding_set
    from ..eval.labels.bank_labels import label_by_rules
    from ..eval.labels.llm_examples import read_examples
    from ..store import Bank
    from ..store.errors import UnknownNameError, UsageError
    from .llm_labels import label_by_model

    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    asked = finding_set(findings)
    if method == "rules" and (endpoint or model):
        raise UsageError("--endpoint and --model are for --method llm; rules ask nobody")
    if method == "llm":
        if not endpoint or not model:
            raise UsageError("--method llm needs --endpoint URL and --model NAME, such as http://localhost:11434 and gpt-oss:20b")
        settings = LlmSettings(
            endpoint,
            model,
            send_text=yes_send_text,
            examples=read_examples(examples, asked) if examples else (),
            format=cast("Any", answer_format),
            max_tokens=max_tokens,
            concurrency=concurrency,
            requests_per_minute=requests_per_minute,
            timeout_s=timeout,
            tries=tries,
            key_variable=key_variable,
        )
        prices = price_in, price_out
        opened = Bank.open(bank, key_file=key_file)
        label_by_model(opened, asked, settings, prices, dry_run=dry_run, json=json, tell=lambda done: _tell(done, bank, dry_run))
        return
    opened = Bank.open(bank, key_file=key_file)
    with progress(not json) as listener:
        done = label_by_rules(opened, asked, write=not dry_run, progress=listener)
    if json:
        print_json(asdict(done))
    else:
        _tell(done, bank, dry_run)


def _tell(done: Labelled, bank: str, dry_run: bool) -> None:
    statuses = list(next(iter(done.counts.values())))
    print_table(("finding", *statuses), [(name, *(counts[status] for status in statuses)) for name, counts in done.counts.items()])
    what = "would be written" if dry_run else "written"
    say(f"{done.reports} reports, {done.changed} labels {what} as source {done.source}")
    if done.withdrawn:
        say(f"{done.withdrawn} labels of reports that are no longer in the bank count as unknown from here on")
    if not dry_run:
        say(f"`scanbank sweep {bank} ... --source {done.source}` learns from them")
