"""What is done by hand (`remember`, `correct`, `restore`), and what comes of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b

from memoryos.model import Knowledge, Note, Page, Source
from memoryos.tiers.long_term import same_statement

_LONGEST_QUOTE = 300


def fact_id(note: Note) -> str:
    """Return the id of the fact that a note states."""
    return "k" + blake2b(note.id.encode(), digest_size=9).hexdigest()


def fact_of(note: Note, page: Page | None, derived: datetime) -> Knowledge:
    """Return the fact that a note states, on the page that it was taken from, if it names one."""
    sources: tuple[Source, ...] = ()
    if page is not None:
        said = page.user_input if note.owner == "user" else page.agent_response
        said = said or page.user_input or page.agent_response
        quote = note.text if note.text in said else said[:_LONGEST_QUOTE]
        sources = (Source(page.id, quote, note.text),)
    return Knowledge(
        id=fact_id(note),
        owner=note.owner,
        text=note.text,
        sources=sources,
        analyst=note.by,
        created=note.at,
        updated=note.at,
        derived=derived,
        attribute=note.attribute,
        value=note.text if note.attribute else None,
        subject=note.attribute,
    )


def stated(
    fact: Knowledge, corrects: str | None, known: Mapping[str, Knowledge]
) -> list[Knowledge]:
    """Return what changes when a fact is stated by hand, the fact as it then stands included.

    known: what is current, and what is corrected if that is not.

    It takes the place of what it corrects, of what was stated of the same attribute, and of a fact
    in the same words.
    """
    changed = []
    for item in sorted(known.values(), key=lambda item: (item.created, item.id)):
        if item.id == fact.id or item.owner != fact.owner:
            continue
        same = (
            item.status == "active"
            and item.kind == "fact"
            and (
                (fact.attribute is not None and item.attribute == fact.attribute)
                or (item.attribute == fact.attribute and same_statement(item.text, fact.text))
            )
        )
        if item.id == corrects or same:
            changed.append(replace(item, status="superseded", superseded_by=fact.id))
    ids = [*([corrects] if corrects else []), *(item.id for item in changed)]
    return [*changed, replace(fact, supersedes=tuple(dict.fromkeys(ids)))]


def corrections(notes: Iterable[Note], before: int) -> dict[str, str]:
    """Return, by the id of what was corrected and not restored since, the fact that stands for it.

    Counts what was stated before a position in the journal.
    """
    found: dict[str, str] = {}
    for note in sorted(notes, key=lambda note: note.number):
        if note.after_seq >= before:
            continue
        if note.corrects is not None:
            found[note.corrects] = fact_id(note)
        if note.restores is not None:
            found.pop(note.restores, None)
    return found


def restorations(notes: Iterable[Note], before: int) -> dict[str, str]:
    """Return, by the id of what was corrected and restored since, the fact that stood for it.

    Counts what was stated before a position in the journal.
    """
    earlier = [note for note in notes if note.after_seq < before]
    standing = corrections(earlier, before)
    corrected = corrections([note for note in earlier if note.restores is None], before)
    return {
        note.restores: corrected[note.restores]
        for note in earlier
        if note.restores in corrected and note.restores not in standing
    }
