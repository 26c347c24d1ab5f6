"""The task of filing: one call puts pages under topics and chains, and reads their facts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, create_model

from memoryos.generation.quoting import DATA_RULE, fenced, json_line
from memoryos.updating.analysts.prompts.forms import Form, choice, exactly
from memoryos.updating.analysts.prompts.shown import ShownPage, known_line

if TYPE_CHECKING:
    from memoryos.model import Knowledge

TASK = "Task: consolidate."
"""Begins the prompt; stand-in models know the task by it."""

MAX_TOPICS = 3
MAX_SUMMARY = 320
MAX_KEYWORDS, MAX_KEYWORD = 8, 40
MAX_FACTS, MAX_FACTS_A_PAGE = 20, 4
MAX_STATEMENT = 300
MAX_QUOTE = 300
MAX_SUPERSEDED = 3
"""Known facts that one new fact may make untrue."""

BASE_TOKENS, TOKENS_A_PAGE = 220, 110
"""Longest answer, in tokens: for its topics, and for each page."""

INSTRUCTIONS = f"""\
{TASK} You keep the long-term memory of an assistant. You are given pages of its dialogue with a \
user, a line each, and answer with one JSON object. {DATA_RULE}

pages: every page once. topic: 1, 2 or 3, the same for pages about the same matter. continues: \
whether it goes on from the page before it (page 0 is filed already).
topics: for each, summary (one or two sentences that name people and things) and 3-6 keywords.
chain: what the conversation that the last page belongs to says so far, in one or two sentences.
facts: what will still matter in a month about the user, or the assistant where it is a person: \
who they are, their people, home, work, health, tastes, possessions, plans, what they did, how \
they want to be answered. page; owner: whose fact it is, and who says it; quote: some words of \
the owner's on that page, copied exactly; text: one full sentence that stands alone, with names, \
and with the date where the owner says "yesterday" (count from the page's day); supersedes: \
numbers of known facts that the quote contradicts, else [].
Not facts: questions, what-ifs, wishes told as true, jokes, stories and roles, pasted or quoted \
text (mail, articles, code, examples), the assistant's praise, advice and guesses, what is known \
already. Somebody else's life is told with their name, never as the owner's own. Numbers, dates \
and "not" stay as they are said. Often there are none: [].
Write in the language of the dialogue.

Example
{{"known facts":{{"1":"Ana eats fish."}}}}
{{"page":1,"day":"Friday 2025-03-14","user Ana":"My sister Eva moved to Porto yesterday. I don't \
eat fish any more! Where do I find recipes? Please shorten: 'I am the landlord of no. \
5'","assistant":"You must be a great cook! …"}}
{{"pages":[{{"page":1,"topic":1,"continues":false}}],"topics":[{{"topic":1,"summary":"Ana's \
sister Eva moved to Porto; Ana no longer eats fish and looks for \
recipes.","keywords":["Eva","Porto","fish","recipes"]}}],"chain":"Ana tells of her sister Eva's \
move and gives up fish.","facts":[{{"page":1,"owner":"user","quote":"My sister Eva moved to Porto\
 yesterday","text":"Ana's sister Eva moved to Porto on 13 March \
2025.","supersedes":[]}},{{"page":1,"owner":"user","quote":"I don't eat fish any \
more","text":"Ana does not eat fish any more.","supersedes":[1]}}]}}"""


class PlaceAnswer(Form):
    """Where a page belongs, as the model states it."""

    page: int = 0
    topic: Annotated[int, choice(*range(1, MAX_TOPICS + 1))] = 0
    continues: bool = True


class TopicAnswer(Form):
    """A topic as the model states it."""

    topic: Annotated[int, choice(*range(1, MAX_TOPICS + 1))] = 0
    summary: Annotated[str, Field(max_length=MAX_SUMMARY)] = ""
    keywords: Annotated[
        list[Annotated[str, Field(max_length=MAX_KEYWORD)]], Field(max_length=MAX_KEYWORDS)
    ] = []


class FactAnswer(Form):
    """A fact as the model states it."""

    page: int = 0
    owner: Annotated[str, choice("user", "assistant")] = ""
    quote: Annotated[str, Field(max_length=MAX_QUOTE)] = ""
    text: Annotated[str, Field(max_length=MAX_STATEMENT)] = ""
    supersedes: Annotated[list[int], Field(max_length=MAX_SUPERSEDED)] = []


class ConsolidateAnswer(Form):
    """What the model is asked for."""

    pages: list[PlaceAnswer] = []
    topics: list[TopicAnswer] = []
    chain: Annotated[str, Field(max_length=MAX_SUMMARY)] = ""
    facts: list[FactAnswer] = []


@lru_cache(maxsize=256)
def consolidate_form(pages: int, known: int) -> type[ConsolidateAnswer]:
    """Return the form for so many pages and known facts: their numbers are all it takes."""
    numbers = choice(*range(1, pages + 1))
    place = create_model("Place", __base__=PlaceAnswer, page=(Annotated[int, numbers], 0))
    fields: dict[str, Any] = {"page": (Annotated[int, numbers], 0)}
    superseded: Any = Annotated[int, choice(*range(1, known + 1))] if known else int
    most = MAX_SUPERSEDED if known else 0
    fields["supersedes"] = (Annotated[list[superseded], Field(max_length=most)], [])
    topic = create_model("Topic", __base__=TopicAnswer)
    topics = Field(max_length=MAX_TOPICS, json_schema_extra={"minItems": 1})
    fact = create_model("Fact", __base__=FactAnswer, **fields)
    facts = Field(max_length=min(MAX_FACTS, MAX_FACTS_A_PAGE * pages))
    return create_model(
        "Filing",
        __base__=ConsolidateAnswer,
        pages=(Annotated[list[place], exactly(pages)], []),
        topics=(Annotated[list[topic], topics], []),
        facts=(Annotated[list[fact], facts], []),
    )


def answer_tokens(pages: int) -> int:
    """Return the longest answer about so many pages, in tokens."""
    return BASE_TOKENS + TOKENS_A_PAGE * pages


def consolidate_messages(
    pages: Sequence[ShownPage],
    previous: ShownPage | None = None,
    chain_summary: str = "",
    known: Sequence[Knowledge] = (),
) -> list[dict[str, str]]:
    """Return the prompt.

    previous: page 0.  chain_summary: what its chain says so far.  known: facts that are known
    already, numbered from 1 in this order.
    """
    lines = [known_line(known)] if known else []
    if chain_summary:
        lines.append(json_line({"chain so far": chain_summary}))
    shown = [previous, *pages] if previous is not None else list(pages)
    return [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": fenced([*lines, *(page.line for page in shown)])},
    ]
