"""The nouns of the memory as cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from memoryos.frontends.displays.html import (
    bar,
    card,
    count,
    day,
    degrees,
    items,
    pairs,
    small,
    span,
    table,
    text,
)
from memoryos.generation.context import Recall
from memoryos.memory import Memory
from memoryos.model import (
    ErasureReceipt,
    Knowledge,
    Page,
    Profile,
    Segment,
    Source,
)

_SHOWN = 8
"""Lines of one kind on a card of the whole memory; the rest is counted."""


def segment_card(segment: Segment) -> str:
    """Return a segment: its summary, and what its heat is made of."""
    keywords = ", ".join(segment.keywords)
    rows = [
        ("heat", degrees(segment.heat)),
        ("pages", str(segment.pages)),
        ("N_visit", str(segment.visits)),
        ("L_interaction", str(segment.interactions)),
        ("created", day(segment.created)),
        ("last access", day(segment.last_access)),
    ]
    state = " (evicted)" if segment.evicted else ""
    return card(
        f"Segment{state}: {span(keywords)}",
        f"<p>{span(segment.summary, 600)}</p>",
        pairs(rows),
    )


def profile_card(profile: Profile) -> str:
    """Return who the user and the agent are, and the user's traits with their reasons."""
    traits = [
        (span(trait.name), text(trait.level), span(trait.reason), _quotes(trait.sources))
        for trait in profile.traits
    ]
    return card(
        "Profile",
        "<h5>User</h5>",
        _attributes(profile.user, "Nothing is known of the user yet."),
        *(("<h5>Agent</h5>", _attributes(profile.agent, "")) if profile.agent else ()),
        *(("<h5>Traits</h5>", table(("trait", "level", "why", "said"), traits)) if traits else ()),
    )


def erasurereceipt_card(receipt: ErasureReceipt) -> str:
    """Return what an erasure removed: counts and opaque ids."""
    again = ", ".join(f"{number} {kind}" for kind, number in receipt.rewritten.items())
    return card(
        f"Erased: {text(receipt.request)}",
        pairs(receipt.erased.items())
        if receipt.erased
        else f"<p>{small('There was nothing to erase.')}</p>",
        f"<p>{small(f'Made again from what remains: {again}.')}</p>" if again else "",
        f"<p>{small(f'Receipt {receipt.id}, {receipt.at:%Y-%m-%d %H:%M} UTC')}</p>",
    )


def recall_card(recall: Recall) -> str:
    """Return what was recalled for a question, and why."""
    rows = [
        (
            f"{item.score:.2f}",
            day(item.page.timestamp),
            _said(item.page) + "<br>" + small("; ".join(item.reasons), "why"),
        )
        for item in recall.pages
    ]
    found = (
        table(("score", "date", "page, and why it was recalled"), rows, narrow=(0, 1))
        if rows
        else f"<p>{small('Nothing is remembered that bears on this.')}</p>"
    )
    facts = [_fact(item) for item in (*recall.user_knowledge, *recall.agent_knowledge)]
    near = [
        f"{span(s.name or s.summary, 160)} {small(f'heat {degrees(s.heat)}')}"
        for s in recall.segments
    ]
    return card(
        f"Recall: {span(recall.query)}",
        found,
        f"<h5>Known</h5>{items(facts, '')}" if facts else "",
        f"<h5>Segments</h5>{items(near, '')}" if near else "",
    )


def memory_card(memory: Memory) -> str:
    """Return the three tiers side by side."""
    scope, profile, stats = memory.scope, memory.profile(), memory.stats()
    title = f"Memory of {scope.user_id} with {scope.assistant_id}, session {memory.session_id}"
    threshold = memory.config.heat_threshold
    waiting = [f"{small(day(page.timestamp))} {_side(page)}" for page in memory.short_term()]
    topics = [_heated(segment, threshold) for segment in memory.segments()]
    told = set(profile.sources.values())
    known = [item for item in memory.knowledge() if item.id not in told]
    facts = [_fact(item) for item in known if item.kind == "fact"]
    statements = [_fact(item) for item in known if item.kind == "statement"]
    traits = [f"{text(t.name)}: {text(t.level)}" for t in profile.traits]
    nothing = "" if known else "Nothing is known yet."
    long_term = (
        (_attributes(profile.user, nothing) if profile.user or nothing else "")
        + (f"<h5>Facts</h5>{_some(facts)}" if facts else "")
        + (f"<h5>What was said</h5>{_some(statements[::-1])}" if statements else "")
    )
    counts = (
        count(stats.pages, "page"),
        count(stats.sessions, "session"),
        count(stats.segments, "segment"),
        f"{stats.user_knowledge + stats.agent_knowledge} known",
        count(stats.traits, "trait"),
        count(memory.usage().calls, "model call"),
    )
    return card(
        span(title),
        '<div class="tiers">',
        _tier("short", "Short term: this session's newest pages", _some(waiting)),
        _tier("mid", f"Mid term: segments, τ = {threshold:g}", _some(topics)),
        _tier(
            "long",
            "Long term: profile and knowledge",
            long_term + (f"<h5>Traits</h5>{_some(traits)}" if traits else ""),
        ),
        "</div>",
        small(", ".join(counts)),
    )


def _tier(kind: str, title: str, inside: str) -> str:
    return f'<div class="tier {kind}"><h5>{text(title)}</h5>{inside}</div>'


def _some(lines: Sequence[str]) -> str:
    more = len(lines) - _SHOWN
    rest = [small(f"and {more} more")] if more > 0 else []
    return items([*lines[:_SHOWN], *rest], "Nothing yet.")


def _side(page: Page) -> str:
    return span(page.user_input or page.agent_response, 110)


def _said(page: Page) -> str:
    said = span(page.user_input) if page.user_input else ""
    if page.agent_response:
        said += f"{'<br>' if said else ''}<small>{span(page.agent_response)}</small>"
    return said


def _heated(segment: Segment, threshold: float) -> str:
    keywords = segment.name or ", ".join(segment.keywords[:3])
    label = f"heat {degrees(segment.heat)} of {threshold:g}"
    size = count(segment.pages, "page")
    return f"{span(keywords)}{bar(segment.heat, threshold, label)}{small(f'{label}, {size}')}"


def _attributes(attributes: Mapping[str, str], otherwise: str) -> str:
    rows = [(name.replace("_", " "), value) for name, value in attributes.items()]
    return pairs(rows) if rows else f"<p>{small(otherwise)}</p>"


def _fact(item: Knowledge) -> str:
    if item.kind == "statement":
        return f"“{span(item.text)}” {small(day(item.updated))}"
    return f"{span(item.text)} {_quotes(item.sources[:1])}"


def _quotes(sources: Iterable[Source]) -> str:
    return " ".join(small(f"“{' '.join(source.quote.split())[:120]}”") for source in sources)
