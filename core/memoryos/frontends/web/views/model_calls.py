"""The ledger: what the model calls of a memory have cost, day by day."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from memoryos.frontends.web.site import Site, asked
from memoryos.ports import Call

AT_ONCE = 100
DAYS_AT_ONCE = 60


@dataclass
class Day:
    """What one day's calls have cost."""

    date: str
    calls: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def add(self, call: Call) -> None:
        """Count a call."""
        self.calls += 1
        self.failures += call.outcome != "ok"
        self.prompt_tokens += call.prompt_tokens
        self.completion_tokens += call.completion_tokens
        self.seconds += call.seconds


def calls(site: Site, request: Request) -> Response:
    """Show the calls of a memory, the newest first, and each day's sum; or only the failures."""
    found = site.memory(request)
    since = asked(request, "since")
    every = found.calls(since or None)[::-1]
    days: dict[str, Day] = {}
    for call in every:
        date = f"{call.at:%Y-%m-%d}"
        days.setdefault(date, Day(date)).add(call)
    failures_only = bool(asked(request, "failures"))
    shown = [call for call in every if call.outcome != "ok"] if failures_only else every
    model = site.engine.chat_model
    return site.page(
        request,
        "memory/calls.html",
        scope=found.scope,
        usage=found.usage(since or None),
        days=list(days.values())[:DAYS_AT_ONCE],
        most_tokens=max(
            (day.prompt_tokens + day.completion_tokens for day in days.values()), default=0
        ),
        calls=shown[:AT_ONCE],
        total=len(shown),
        since=since,
        failures_only=failures_only,
        model=model.name if model else None,
    )
