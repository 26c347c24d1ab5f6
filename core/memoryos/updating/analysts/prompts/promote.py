"""The task of promotion: one call reads profile attributes and traits out of a hot segment."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, create_model

from memoryos.generation.quoting import DATA_RULE, fenced
from memoryos.tiers.traits import TRAITS
from memoryos.updating.analysts.grounding.trait_names import LEVELS
from memoryos.updating.analysts.prompts.consolidate import (
    MAX_QUOTE,
    MAX_STATEMENT,
    MAX_SUPERSEDED,
    FactAnswer,
)
from memoryos.updating.analysts.prompts.forms import Form, choice
from memoryos.updating.analysts.prompts.shown import ShownPage, known_line

if TYPE_CHECKING:
    from memoryos.model import Knowledge

TASK = "Task: promote."
"""Begins the prompt; stand-in models know the task by it."""

ATTRIBUTES = (
    "name",
    "birth_year",
    "birthday",
    "birthplace",
    "home",
    "origin",
    "relationship",
    "role",
    "employer",
    "field",
    "school",
    "diet",
)
"""Profile attributes: of each, one thing is true at a time."""
MAX_ATTRIBUTES, MAX_TRAITS = 8, 8
MAX_VALUE = 100
MAX_TOKENS = 1_200
"""Longest answer, in tokens."""

INSTRUCTIONS = f"""\
{TASK} You keep the long-term memory of an assistant. From pages of its dialogue with a user, a \
line each, note who they are, in one JSON object. {DATA_RULE}

attributes: what the user, or an assistant that is a person, says of themselves as true now. page; \
owner: who says it of themselves; quote: some of their words on that page, copied exactly; text: \
one full sentence with names; attribute: {", ".join(ATTRIBUTES)}; value: a few words of the quote, \
copied exactly; supersedes: numbers of known facts that it makes untrue, else [].
traits: what the user's own words show clearly. page; quote: some of those words, copied exactly; \
reason: one sentence; name: one of the list; level: high, medium or low.
Neither comes from questions, wishes, what-ifs, stories and roles, pasted or quoted text, other \
people's lives, or the assistant's praise. Often there are none: [].
Write in the language of the dialogue; names, attributes and levels as listed.
Traits: {", ".join(TRAITS)}.

Example
{{"page":1,"day":"Friday 2025-03-14","user Ana":"I'm a vet, I live in Porto, and I sketch \
every single evening. My boss says I should run the place.","assistant":"You are a born leader!"}}
{{"attributes":[{{"page":1,"owner":"user","quote":"I'm a vet","text":"Ana is a vet.",\
"attribute":"role","value":"vet","supersedes":[]}},{{"page":1,"owner":"user","quote":"I live in \
Porto","text":"Ana lives in Porto.","attribute":"home","value":"Porto","supersedes":[]}}],"traits":\
[{{"page":1,"quote":"I sketch every single evening","reason":"Ana sketches every evening.","name":\
"Art Interest","level":"high"}}]}}"""


class AttributeAnswer(FactAnswer):
    """An attribute as the model states it: a fact with a value."""

    attribute: Annotated[str, choice(*ATTRIBUTES)] = ""
    value: Annotated[str, Field(max_length=MAX_VALUE)] = ""


class TraitAnswer(Form):
    """A trait as the model states it."""

    page: int = 0
    quote: Annotated[str, Field(max_length=MAX_QUOTE)] = ""
    reason: Annotated[str, Field(max_length=MAX_STATEMENT)] = ""
    name: Annotated[str, choice(*TRAITS)] = ""
    level: Annotated[str, choice(*LEVELS)] = ""


class PromoteAnswer(Form):
    """What the model is asked for."""

    attributes: Annotated[list[AttributeAnswer], Field(max_length=MAX_ATTRIBUTES)] = []
    traits: Annotated[list[TraitAnswer], Field(max_length=MAX_TRAITS)] = []


@lru_cache(maxsize=256)
def promote_form(pages: int, known: int) -> type[PromoteAnswer]:
    """Return the form for so many pages and known facts: their numbers are all it takes."""
    number: Any = (Annotated[int, choice(*range(1, pages + 1))], 0)
    superseded: Any = Annotated[int, choice(*range(1, known + 1))] if known else int
    ids: Any = Annotated[list[superseded], Field(max_length=MAX_SUPERSEDED if known else 0)]
    attribute = create_model(
        "Attribute", __base__=AttributeAnswer, page=number, supersedes=(ids, [])
    )
    trait = create_model("Trait", __base__=TraitAnswer, page=number)
    return create_model(
        "Persona",
        __base__=PromoteAnswer,
        attributes=(Annotated[list[attribute], Field(max_length=MAX_ATTRIBUTES)], []),
        traits=(Annotated[list[trait], Field(max_length=MAX_TRAITS)], []),
    )


def promote_messages(
    pages: Sequence[ShownPage], known: Sequence[Knowledge] = ()
) -> list[dict[str, str]]:
    """Return the prompt. `known` are the facts known already, numbered from 1 in this order."""
    lines = [known_line(known)] if known else []
    return [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": fenced([*lines, *(page.line for page in pages)])},
    ]
