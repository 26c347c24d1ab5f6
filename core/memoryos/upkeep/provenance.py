"""Provenance: where a fact or trait comes from (DESIGN, promise 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from memoryos.errors import NotFound
from memoryos.model import Knowledge, Page, Scope, Trait
from memoryos.storage.codec import decode
from memoryos.storage.port import PageQuery, Store


@dataclass(frozen=True, slots=True)
class Explanation:
    """Provenance of a fact or trait."""

    of: Knowledge | Trait
    pages: tuple[Page, ...]
    """The source pages, oldest first."""
    quotes: tuple[str, ...]
    """The words that say so, one for each source."""
    analyst: str
    """Who derived it: "rules" or the model's name."""
    derived: datetime
    superseded: tuple[Knowledge, ...] = ()
    """Older knowledge that it took the place of."""
    statements: tuple[Knowledge, ...] = ()
    """Of a fact that a model read: what its owner stated in the same words or about them, there."""

    @property
    def text(self) -> str:
        """The explanation in words."""
        what = (
            self.of.text if isinstance(self.of, Knowledge) else f"{self.of.name}: {self.of.level}"
        )
        lines = [f"{what} (by {self.analyst}, {self.derived:%Y-%m-%d})"]
        dates = {page.id: page.timestamp for page in self.pages}
        for source in self.of.sources:
            date = f"{dates[source.page_id]:%Y-%m-%d}: " if source.page_id in dates else ""
            lines.append(f"  {date}“{source.quote}”")
        lines += [f"  as was said: “{item.text}”" for item in self.statements]
        lines += [f"  instead of: {item.text}" for item in self.superseded]
        return "\n".join(lines)


def explain(store: Store, scope: Scope, id_: str, limit: int | None = None) -> Explanation:
    """Return where the fact or trait of that id comes from. Raises NotFound.

    limit: source pages to read at most, the newest; a trait may have thousands.
    """
    for record in store.records(scope, ["knowledge", "trait"], ids=[id_]):
        item = decode(record)
        if isinstance(item, (Knowledge, Trait)):
            ids = list(dict.fromkeys(source.page_id for source in item.sources))
            ids = ids[-limit:] if limit else ids
            older = item.supersedes if isinstance(item, Knowledge) else ()
            found = [decode(r) for r in store.records(scope, ["knowledge"], ids=older)]
            return Explanation(
                of=item,
                pages=tuple(store.pages(scope, PageQuery(ids=ids))),
                quotes=tuple(source.quote for source in item.sources),
                analyst=item.analyst,
                derived=item.derived,
                superseded=tuple(old for old in found if isinstance(old, Knowledge)),
                statements=_statements(store, scope, item),
            )
    raise NotFound(f"no knowledge or trait has the id {id_!r} in this scope")


def _statements(store: Store, scope: Scope, item: Knowledge | Trait) -> tuple[Knowledge, ...]:
    """Return the statements that a fact was read from: of its owner, sharing words of its quote."""
    if not isinstance(item, Knowledge) or item.kind != "fact":
        return ()
    quotes: dict[str, list[str]] = {}
    for source in item.sources:
        quotes.setdefault(source.page_id, []).append(_plain(source.quote))
    found = []
    for record in store.records(scope, ["knowledge"]) if quotes else ():
        other = decode(record)
        if not isinstance(other, Knowledge) or (other.kind, other.owner) != (
            "statement",
            item.owner,
        ):
            continue
        said = [(_plain(source.quote), quotes.get(source.page_id, ())) for source in other.sources]
        if any(one in quote or quote in one for one, there in said for quote in there if quote):
            found.append(other)
    return tuple(sorted(found, key=lambda other: (other.created, other.id)))


def _plain(quote: str) -> str:
    return " ".join(quote.split()).casefold().strip(" .!?…\"'“”")
