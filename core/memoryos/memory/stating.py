"""The verbs by which a user or an agent states what is so, and puts right what is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from memoryos.errors import InvalidInput, NotFound
from memoryos.memory.boundary import raises_only_ours
from memoryos.memory.inspection import Inspection
from memoryos.model import DOCUMENT, Knowledge, Note, Owner
from memoryos.storage.journal import checked_id, checked_known_id, checked_text, page_id
from memoryos.storage.port import PageQuery


@raises_only_ours
class Stating(Inspection):
    """What every memory can be told by hand."""

    def remember(
        self,
        text: str,
        owner: Owner = "user",
        attribute: str | None = None,
        source: str | None = None,
        *,
        by: Owner = "user",
    ) -> Knowledge:
        """Journal a fact as it is stated; return it. It outlives rebuilds, exports and imports.

        It takes the place of what was stated of the same attribute, which stays as history.

        Args:
            text: The fact, in words: "Tom is allergic to peanuts".
            owner: Whom it is about, "user" or "agent".
            attribute: Row of the profile that it fills ("home"); None for none.
            source: The id of the page that it was taken from; erasing that page erases the fact.
            by: Who states it, "user" or "agent"; kept as the fact's `analyst`.

        Raises:
            InvalidInput: an argument cannot be meant.
            NotFound: no page has the id `source`.
            StorageError: the store failed; nothing was stored.
        """
        if source is not None and DOCUMENT in self.page(source).metadata:
            raise InvalidInput("source is a document: knowledge is of what was said")
        return self._journalled(self._note(text, owner, attribute, source, by))

    def correct(self, knowledge_id: str, text: str, *, by: Owner = "user") -> Knowledge:
        """Put knowledge right in place; return the fact that stands now.

        What it corrects is superseded, visibly: `explain` tells it, and the past keeps it. Of what
        was replaced before, that which stands in its place is corrected.

        Args:
            knowledge_id: The id of a statement or fact.
            text: What is so: "Tom is not allergic to peanuts".
            by: Who corrects, "user" or "agent".

        Raises:
            InvalidInput: an argument cannot be meant.
            NotFound: no knowledge has the id.
            StorageError: the store failed; nothing was stored.
        """
        old = self._known(checked_known_id(knowledge_id, "knowledge_id"))
        note = self._note(text, old.owner, old.attribute, None, by)
        return self._journalled(replace(note, corrects=old.id))

    def restore(self, knowledge_id: str) -> Knowledge:
        """Undo a supersession or an archiving: make a fact current again.

        What had replaced it is then superseded by it; both keep their sources. It is journalled,
        and outlives rebuilds and exports.

        Args:
            knowledge_id: `Knowledge.id` of the fact.

        Returns:
            The fact as it now stands.

        Raises:
            NotFound: the scope has no such fact.
        """
        old = self._known(checked_known_id(knowledge_id, "knowledge_id"))
        if old.status == "active":
            return old
        note = self._draft("", old.owner, "user")
        return self._journalled(replace(note, restores=old.id))

    def _journalled(self, note: Note) -> Knowledge:
        fact = self._modules.consolidator.note(self.scope, note)
        if fact is None:
            raise NotFound(f"no knowledge has the id {note.restores!r} in this scope")
        return fact

    def _note(
        self, text: object, owner: object, attribute: object, source: str | None, by: object
    ) -> Note:
        said = checked_text(text, "text", self.config.max_text_bytes)
        if not said.strip():
            raise InvalidInput("text is empty: say what to remember")
        for name, value in (("owner", owner), ("by", by)):
            if value not in ("user", "agent"):
                raise InvalidInput(f"{name} must be 'user' or 'agent', not {value!r}")
        named = None if attribute is None else checked_id(attribute, "attribute").strip()
        note = self._draft(said.strip(), cast("Owner", owner), cast("Owner", by))
        return replace(note, attribute=named or None, source=source)

    def _draft(self, text: str, owner: Owner, by: Owner) -> Note:
        now = self._modules.clock()
        return Note(
            id=page_id(None).replace("p", "n", 1),
            after_seq=0,
            number=0,
            at=now,
            session_id=self.session_id,
            owner=owner,
            text=text,
            by=by,
        )


def notes_of(query: PageQuery, *, everything: bool) -> Callable[[Note], bool]:
    """Return which notes go with pages: those of the session, of before the time, or all."""

    def chosen(note: Note) -> bool:
        if query.session_id is not None:
            return note.session_id == query.session_id
        if query.before is not None:
            return note.at < query.before
        return everything

    return chosen
