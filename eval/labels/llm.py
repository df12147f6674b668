"""Labels of reports by a language model: each report is asked once, by several threads, and what came is kept at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import final

from ...store.errors import UsageError
from ...store.progress import Progress, Silent
from .finding import FindingSet
from .llm_answer import findings_of
from .llm_cache import AnswerCache
from .llm_client import LONGEST_PAUSE_S, Endpoint
from .llm_errors import AnswerError, BusyError, RefusedError
from .llm_plan import Plan, plan, what_is_sent
from .llm_prompt import Prompt, corrected
from .llm_rate import RateLimiter, Timer
from .llm_settings import MOST_CHARACTERS, LlmSettings
from .statuses import ABSENT, PRESENT, UNMENTIONED, Status

GIVE_UP = 10
"""Reports that fail one after the other, after which no more are asked."""
_LONGEST_BACK_OFF_S = 60.0
_GRACE_S = 2.0
"""For requests that are under way when a run ends early."""


@final
@dataclass(frozen=True)
class LlmLabels:
    """What a model said."""

    labels: tuple[Mapping[str, Status] | None, ...]
    """(N,) by finding; None of a report that failed. A blank report was not sent: nothing is mentioned in it."""
    failures: Mapping[int, str]
    """Why, by number of the report."""
    asked: int
    """Reports that were sent, and answered."""
    answered_before: int
    """Reports whose answers were there from earlier runs."""
    source: str
    """`llm:MODEL@DIGEST`, as in `labels.source`."""
    notes: tuple[str, ...]


def source_of(prompt: Prompt, settings: LlmSettings) -> str:
    """How labels by this model and prompt are called."""
    return f"llm:{settings.model}@{prompt.digest(settings)[:8]}"


def llm_labels(
    texts: Sequence[str],
    findings: FindingSet,
    settings: LlmSettings,
    *,
    progress: Progress | None = None,
    timer: Timer | None = None,
) -> LlmLabels:
    """Ask a model for all findings of each report: POS is `present`, NEG `absent`.

    Answers are kept in the user's cache by digests of report and prompt and by model (`AnswerCache`); what is there is not asked again, so
    that a run that was killed goes on where it was. A report that gets no proper answer costs itself alone; where `GIVE_UP` fail one after
    the other, the rest are not asked.

    Args:
        texts: reports.
        findings: what is asked for.
        settings: whom and how.
        progress: told of each answer.
        timer: what rate limit and pauses go by; by default time itself, and pauses end with the run.

    Raises:
        UsageError: `settings.send_text` is not set, and there is something to send.
        EndpointError: the endpoint is out of reach, or refuses key, model or address.
        BankAccessError: the cache cannot be used.
    """
    prompt = Prompt(findings, settings.examples)
    with AnswerCache.open(prompt.digest(settings), settings.model) as cache:
        planned = plan(texts, prompt, cache)
        if planned.pending and not settings.send_text:
            raise UsageError(f"nothing was sent: {what_is_sent(planned, prompt, settings).splitlines()[0]}; allow it with send_text=True")
        run = _Run(planned, prompt, settings, cache, progress or Silent())
        run.ask_all(timer)
    return run.outcome()


class _StoppedError(Exception):
    """The run ended while a thread waited."""


_Result = tuple[str, dict[str, bool] | None, str]
"""(digest, answer, why there is none)."""


@final
class _Run:
    """Threads ask; the thread that started them keeps what comes."""

    def __init__(self, planned: Plan, prompt: Prompt, settings: LlmSettings, cache: AnswerCache, progress: Progress) -> None:
        self._plan, self._prompt, self._settings, self._cache, self._progress = planned, prompt, settings, cache, progress
        self._answers: dict[str, Mapping[str, bool]] = dict(planned.answered)
        too_long = f"it has more than {MOST_CHARACTERS:,} characters"
        self._reasons = dict.fromkeys(planned.too_long, too_long)
        self._notes: list[str] = []
        self._stop = threading.Event()
        self._in_a_row = 0

    def ask_all(self, timer: Timer | None) -> None:
        if not self._plan.pending:
            return
        timer = timer or Timer(time.monotonic, self._pause)
        limiter = RateLimiter(self._settings.requests_per_minute, timer)
        self._progress.start(f"asking {self._settings.model}", len(self._plan.pending))
        with Endpoint(self._prompt, self._settings, limiter.wait) as endpoint:
            with closing(self._results(lambda text: self._ask(endpoint, limiter, timer, text))) as results:
                for digest, answer, reason in results:
                    if answer is not None:
                        self._cache.put(digest, answer)
                        self._answers[digest] = answer
                    else:
                        self._reasons[digest] = reason
                    self._stop_if_hopeless(answered=answer is not None)
                    self._progress.advance()
            self._notes += endpoint.notes

    def _results(self, ask: Callable[[str], dict[str, bool]]) -> Generator[_Result]:
        """In the order in which they come. Threads are daemons: Ctrl-C does not wait for a model that thinks."""
        waiting = iter(self._plan.pending.items())
        lock, done = threading.Lock(), queue.SimpleQueue[_Result | BaseException | None]()

        def work() -> None:
            try:
                while not self._stop.is_set():
                    with lock:
                        one = next(waiting, None)
                    if one is None:
                        break
                    try:
                        done.put((one[0], ask(one[1]), ""))
                    except (AnswerError, BusyError, RefusedError) as error:
                        done.put((one[0], None, str(error)))
            except _StoppedError:
                pass
            except BaseException as error:  # noqa: BLE001 - raised by the thread that reads
                done.put(error)
            done.put(None)

        names = [f"scanbank-llm-{number}" for number in range(min(self._settings.concurrency, len(self._plan.pending)))]
        threads = [threading.Thread(target=work, name=name, daemon=True) for name in names]
        for thread in threads:
            thread.start()
        at_work, grace_s = len(threads), _GRACE_S
        try:
            while at_work:
                found = done.get()
                if isinstance(found, BaseException):
                    raise found
                if found is None:
                    at_work -= 1
                else:
                    yield found
        except KeyboardInterrupt:
            grace_s = 0.0
            raise
        finally:
            self._stop.set()
            end = time.monotonic() + grace_s
            for thread in threads:  # before the connection is taken away under them
                thread.join(max(0.0, end - time.monotonic()))

    def _ask(self, endpoint: Endpoint, limiter: RateLimiter, timer: Timer, text: str) -> dict[str, bool]:
        """The answer to one report. Raises AnswerError, BusyError or RefusedError as the last try did."""
        asked = messages = self._prompt.messages(text)
        for left in reversed(range(self._settings.tries)):
            tried = self._settings.tries - left - 1
            try:
                return findings_of(endpoint.ask(messages), self._prompt.findings)
            except AnswerError as error:
                if not left:
                    raise
                messages = corrected(asked, error.content, str(error)) if error.content else asked
                wait = 0.5 * 2**tried
            except BusyError as error:
                wait = error.first_pause_s * 2**tried
                if error.retry_after_s is not None:
                    limiter.hold(error.retry_after_s)  # other reports too
                    wait = 0.0
                if not left:
                    raise
            timer.sleep(min(wait, _LONGEST_BACK_OFF_S))
        raise AssertionError("unreachable: the last try returns or raises")

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(min(seconds, LONGEST_PAUSE_S)):
            raise _StoppedError

    def _stop_if_hopeless(self, *, answered: bool) -> None:
        self._in_a_row = 0 if answered else self._in_a_row + 1
        if self._in_a_row >= GIVE_UP and not self._stop.is_set():
            self._stop.set()
            self._notes.append(f"{GIVE_UP} reports failed one after the other: the rest was not asked; run it again when the cause is gone")

    def outcome(self) -> LlmLabels:
        labels: list[Mapping[str, Status] | None] = []
        failures: dict[int, str] = {}
        for number, digest in enumerate(self._plan.digests):
            answer = self._answers.get(digest)
            if not digest:
                labels.append(dict.fromkeys(self._prompt.findings.names, UNMENTIONED))
            elif answer is None:
                labels.append(None)
                failures[number] = self._reasons.get(digest, "it was not asked, as the reports before it failed")
            else:
                labels.append({name: PRESENT if answer[name] else ABSENT for name in self._prompt.findings.names})
        before = sum(digest in self._plan.answered for digest in self._plan.digests)
        asked = sum(digest in self._answers for digest in self._plan.pending)
        return LlmLabels(tuple(labels), failures, asked, before, source_of(self._prompt, self._settings), tuple(self._notes))
