"""The published package's sessions as segments with topics, and its page links as chains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from memoryos.frontends.importers.scope_file import DraftPage, ScopeFile, short_hash
from memoryos.model import Chain, Segment, Topic
from memoryos.tiers.mid_term import joined_keywords, joined_summary


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the published mid-term memory."""

    id: str
    fields: Mapping[str, Any]
    pages: list[DraftPage]
    created: datetime
    visited: datetime

    @property
    def summary(self) -> str:
        """What it is about; its first words when the package had no summary."""
        given = self.fields.get("summary")
        if isinstance(given, str) and given.strip():
            return given.strip()
        return " ".join(self.pages[0].messages[0].text.split())[:200]

    @property
    def keywords(self) -> tuple[str, ...]:
        """Its keywords."""
        given = self.fields.get("summary_keywords")
        words = given if isinstance(given, list) else []
        return tuple(word for word in words if isinstance(word, str) and word.strip())

    def count(self, name: str) -> int:
        """Return one of its heat counters."""
        value = self.fields.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            return 0
        return max(0, int(min(value, 1_000_000)))


def segments(sessions: list[Session], scope: ScopeFile, origin: str) -> list[Segment | Topic]:
    """Return the segments and their topics, and put each page into the first that has it."""
    ordinals = scope.ordinals()
    made: dict[str, Segment] = {}
    topics: list[Topic] = []
    for session in sessions:
        pages = list({page.key: scope.pages[page.key] for page in session.pages}.values())
        own = [page for page in pages if page.segment_id is None]
        if not own:
            id_ = pages[0].segment_id
            assert id_ is not None
            made[id_] = _joined(made[id_], session)
            continue
        id_ = f"s{short_hash(f'{origin}:{session.id}')}"
        for page in own:
            page.segment_id = id_
        own.sort(key=lambda page: ordinals[page.key])
        made[id_] = _founded(id_, session, own, ordinals)
        topics.append(
            Topic(
                id=f"t{short_hash(f'{origin}:{session.id}')}",
                segment_id=id_,
                page_ids=tuple(page.id for page in own),
                summary=session.summary,
                keywords=session.keywords,
                analyst=origin,
                created=own[-1].timestamp,
            )
        )
    return [*made.values(), *topics]


def _founded(
    id_: str, session: Session, own: list[DraftPage], ordinals: Mapping[str, int]
) -> Segment:
    analyzed = [bool(page.link.get("analyzed")) for page in own]
    read = len(own) if all(analyzed) else analyzed.index(False)
    return Segment(
        id=id_,
        summary=session.summary,
        keywords=joined_keywords([session.keywords]),
        pages=len(own),
        visits=session.count("N_visit"),
        interactions=min(session.count("L_interaction"), len(own) - read),
        created=session.created,
        last_access=session.visited,
        promoted_seq=ordinals[own[read - 1].key] if read else 0,
    )


def _joined(segment: Segment, session: Session) -> Segment:
    """Return the segment with what a session of the same pages says besides."""
    return replace(
        segment,
        summary=joined_summary([segment.summary, session.summary]),
        keywords=joined_keywords([segment.keywords, session.keywords]),
        visits=max(segment.visits, session.count("N_visit")),
        last_access=max(segment.last_access, session.visited),
    )


def chains(sessions: list[Session], scope: ScopeFile, origin: str) -> list[Chain]:
    """Return the chains that the pages' links make; every page of mid-term memory is in one."""
    by_link: dict[str, DraftPage] = {}
    for session in sessions:
        for page in session.pages:
            by_link.setdefault(str(page.link.get("page_id")), scope.pages[page.key])
    runs: list[list[DraftPage]] = []
    run_of: dict[str, list[DraftPage]] = {}
    for page in scope.pages.values():
        if page.segment_id is None:
            continue
        before = by_link.get(str(page.link.get("pre_page")))
        run = run_of.get(before.key) if before is not None else None
        if run is None:
            run = []
            runs.append(run)
        run.append(page)
        run_of[page.key] = run
    return [_chain(run, origin) for run in runs]


def _chain(run: list[DraftPage], origin: str) -> Chain:
    id_ = f"c{short_hash(f'{origin}:{run[0].key}')}"
    told = [page.link.get("meta_info") for page in run]
    said = [text.strip() for text in told if isinstance(text, str) and text.strip()]
    for page in run:
        page.chain_id = id_
    return Chain(
        id=id_,
        session_id=run[0].session_id,
        page_ids=tuple(page.id for page in run),
        summary=said[-1] if said else " ".join(run[0].messages[0].text.split())[:200],
        analyst=origin,
        updated=run[-1].timestamp,
    )
