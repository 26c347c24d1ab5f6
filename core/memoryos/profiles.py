"""The profile (paper §3.2): a view of the knowledge that states attributes, and of traits."""

from __future__ import annotations

from collections.abc import Iterable

from memoryos.model import Knowledge, Profile, Trait


def profile_of(knowledge: Iterable[Knowledge], traits: Iterable[Trait]) -> Profile:
    """Return who the user and the agent are, as far as is known; newest statements win."""
    sides: dict[str, dict[str, str]] = {"user": {}, "agent": {}}
    sources = {}
    for item in sorted(knowledge, key=lambda item: (item.updated, item.id)):
        if item.attribute and item.value:
            sides[item.owner][item.attribute] = item.value
            sources[f"{item.owner}.{item.attribute}"] = item.id
    ranked = tuple(sorted(traits, key=lambda trait: (trait.group, trait.name)))
    return Profile(sides["user"], sides["agent"], ranked, sources)
