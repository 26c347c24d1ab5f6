"""The report of answer quality, written by the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import intervals, machine
from benchmarks.locomo.answers import BUDGET, SCORES, Answered, Answers
from benchmarks.locomo.data import CATEGORIES
from benchmarks.locomo.known_errors import published_audit

_METHOD = (
    "F1 and BLEU-1 are those of the published MemoryOS protocol (words as a set), official F1 is "
    "LoCoMo's own (stemmed, several answers in category 1). The paper reports F1 36.23 with 3,874 "
    "tokens and 4.9 calls per answer. Calls and tokens count what the memory spent on reading, "
    "shared out over the answers."
)


def write(
    folder: Path,
    command: str,
    model: str,
    judge: str | None,
    done: Sequence[Answers],
    audited: Mapping[str, str],
) -> Path:
    """Write locomo-answers.md into `folder`; return its path."""
    head = [
        "# LoCoMo: answers",
        "",
        f"Made by `{command}` on {datetime.now(timezone.utc):%Y-%m-%d}.",
        "",
        f"- answers by: `{model}`, from a context block of {BUDGET:,} tokens (full context: all)",
        f"- judged by: {f'`{judge}`' if judge else 'nobody'}",
        f"- machine: {machine.description()}",
        f"- intervals: 95 %, bootstrap over questions, seed {intervals.SEED}",
        "",
        _METHOD,
    ]
    parts = ["\n".join(head), _table("All questions", done, {})]
    if audited:
        title = f"Without the {len(audited)} questions whose published answer is known to be wrong"
        parts.append(_table(title, done, audited))
    parts += [_categories(done), _price(done), "## LoCoMo's known errors\n\n" + published_audit()]
    path = folder / "locomo-answers.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _table(title: str, done: Sequence[Answers], left_out: Mapping[str, str]) -> str:
    rows = [
        f"## {title}",
        "",
        "| | questions | " + " | ".join(SCORES) + " | tokens per answer | calls per answer |",
        "|---|---|" + "---|" * (len(SCORES) + 2),
    ]
    for one in done:
        kept = [a for a in one.answered if a.question.id not in left_out]
        cells = [str(len(kept)), *(_score(kept, name) for name in SCORES), *_costs(one)]
        rows.append(f"| {one.name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _score(answered: Sequence[Answered], name: str) -> str:
    values = [100 * a.scores[name] for a in answered if name in a.scores]
    if not values:
        return "-"
    mean = intervals.mean(values)
    return f"{mean.value:.2f} ({mean.low:.1f}-{mean.high:.1f})"


def _costs(one: Answers) -> tuple[str, str]:
    count = max(len(one.answered), 1)
    spent = one.consolidating
    tokens = sum(a.cost.prompt_tokens + a.cost.completion_tokens for a in one.answered)
    calls = sum(a.cost.calls for a in one.answered)
    tokens += spent.prompt_tokens + spent.completion_tokens
    return f"{tokens / count:,.0f}", f"{(calls + spent.calls) / count:.2f}"


def _price(done: Sequence[Answers]) -> str:
    """Return what the whole run has cost, by memory, whoever paid for it first."""
    rows = [
        "## Price",
        "",
        "Calls and tokens of all answers and of reading; what was kept counts as it cost then.",
        "",
        "| | calls | prompt tokens | completion tokens |",
        "|---|---|---|---|",
    ]
    for one in done:
        spent = one.consolidating
        prompt = spent.prompt_tokens + sum(a.cost.prompt_tokens for a in one.answered)
        completion = spent.completion_tokens + sum(a.cost.completion_tokens for a in one.answered)
        calls = spent.calls + sum(a.cost.calls for a in one.answered)
        rows.append(f"| {one.name} | {calls:,} | {prompt:,} | {completion:,} |")
    return "\n".join(rows)


def _categories(done: Sequence[Answers]) -> str:
    rows = [
        "## By category (F1, then the strict judge)",
        "",
        "| | " + " | ".join(f"{name} ({n})" for n, name in CATEGORIES.items()) + " |",
        "|---|" + "---|" * len(CATEGORIES),
    ]
    for one in done:
        cells = []
        for category in CATEGORIES:
            mine = [a for a in one.answered if a.question.category == category]
            cells.append(f"{_score(mine, 'F1')} / {_score(mine, 'judge, strict')}")
        rows.append(f"| {one.name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)
