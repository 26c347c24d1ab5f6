"""A scope put together from outside, written as an export: so that it goes in whole or not at all.

Every derived thing keeps a source: what came without one (a fact, a profile) is given a page that
holds its words, in a session that says where they are from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from memoryos.model import Chain, Knowledge, Message, Owner, Segment, Source, Topic, Trait
from memoryos.storage.codec import encode, message_body
from memoryos.storage.journal import page_id
from memoryos.tiers.traits import TRAITS
from memoryos.upkeep.export import FORMAT

Derived = Chain | Knowledge | Segment | Topic | Trait


@dataclass(slots=True)
class DraftPage:
    """A page to be written, and where it belongs."""

    key: str
    session_id: str
    timestamp: datetime
    messages: tuple[Message, ...]
    metadata: dict[str, Any] = field(default_factory=dict)
    segment_id: str | None = None
    chain_id: str | None = None
    link: dict[str, Any] = field(default_factory=dict)
    """The entry that it was read from, while it is being placed."""

    @property
    def id(self) -> str:
        """The id that the page gets; the same in every run."""
        return page_id(self.key)


@dataclass(slots=True)
class ScopeFile:
    """One user's memory with one assistant, on its way in."""

    origin: str
    """Where it comes from, as analyst of what it knew and in the names of sessions."""
    pages: dict[str, DraftPage] = field(default_factory=dict)
    """By key, in the order of their journal."""
    derived: list[Derived] = field(default_factory=list)

    def state(
        self, text: str, owner: Owner, at: datetime, attribute: str | None = None
    ) -> Knowledge:
        """Add a fact that was learned elsewhere, with a page that holds its words."""
        session = (
            f"knowledge from {self.origin}" if attribute is None else f"profile from {self.origin}"
        )
        key = f"{self.origin}:{owner}:{attribute or 'fact'}:{short_hash(text)}"
        page = DraftPage(
            key,
            session,
            at,
            (Message("assistant", text, name=self.origin),),
            {"imported_from": self.origin, "about": owner},
        )
        self.pages.setdefault(key, page)
        fact = Knowledge(
            id=f"k{short_hash(key)}",
            owner=owner,
            text=text,
            sources=(Source(page.id, text, text),),
            analyst=self.origin,
            created=at,
            updated=at,
            derived=at,
            attribute=attribute,
            value=text if attribute else None,
        )
        if all(fact.id != known.id for known in self.derived):
            self.derived.append(fact)
        return fact

    def trait(self, name: str, level: str, line: str, source: Knowledge) -> None:
        """Add a trait that a profile names, with the profile's page as its source."""
        self.derived = [d for d in self.derived if not (isinstance(d, Trait) and d.name == name)]
        self.derived.append(
            Trait(
                name=name,
                group=TRAITS[name],
                level=level,
                reason=line,
                sources=(replace(source.sources[0], quote=line, text=line),),
                analyst=self.origin,
                updated=source.updated,
                derived=source.derived,
            )
        )

    def ordinals(self) -> dict[str, int]:
        """Return the position of each page in the journal to be, by key, from 1."""
        return {key: place for place, key in enumerate(self.pages, 1)}

    def write(self, path: Path, user_id: str, assistant_id: str) -> None:
        """Write it as an export."""
        head = {
            "memoryos": FORMAT,
            "user_id": user_id,
            "assistant_id": assistant_id,
            "pages": len(self.pages),
        }
        lines: list[dict[str, Any]] = [head, *map(_page_line, self.pages.values())]
        for value in self.derived:
            record = encode(value)
            lines.append({record.kind: dict(record.body)})
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=True) + "\n" for line in lines)


def short_hash(text: str) -> str:
    """Return a short hash of a text, for ids."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()


def in_order(pages: Sequence[DraftPage]) -> dict[str, DraftPage]:
    """Return pages by key, oldest first; one key once."""
    return {page.key: page for page in sorted(pages, key=lambda page: page.timestamp)}


def _page_line(page: DraftPage) -> dict[str, Any]:
    return {
        "page": {
            "id": page.id,
            "session_id": page.session_id,
            "timestamp": page.timestamp.isoformat(),
            "messages": [message_body(message) for message in page.messages],
            "metadata": page.metadata,
            "segment_id": page.segment_id,
            "chain_id": page.chain_id,
        }
    }
