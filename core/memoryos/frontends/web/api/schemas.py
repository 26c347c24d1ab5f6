"""What the API takes and gives: pydantic models, from which the OpenAPI document is made too.

What it gives are the nouns of `memoryos.model` as they are; here stands only what has no noun.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from memoryos.model import (
    ErasureReceipt,
    Knowledge,
    Owner,
    Page,
    Profile,
    RecalledPage,
    Scope,
    Segment,
)

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Any text without NUL."""
SaidText = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
"""A text that says something."""
Id = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""ISO 8601; without an offset it is UTC."""


def _whole(value: Any) -> Any:
    """Return 2.0 as 2: in JSON Schema both are integers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_whole)]
Tokens = Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(_whole)]
Share = Annotated[float, Field(ge=0, le=1)]
Scalar = str | int | float | bool | None
Bounds = Annotated[dict[Literal["gt", "gte", "lt", "lte"], str | int | float], Field(min_length=1)]
Condition = Scalar | list[Scalar] | Bounds
"""What a value of metadata must be: this, one of these, or within these bounds."""


class Body(BaseModel):
    """What a request carries: names that it does not know are an error."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class NewTurn(Body):
    """One turn: what the user said, and what the agent answered; one of them may be empty."""

    user_input: SaidText
    agent_response: Text = ""
    timestamp: Time | None = None
    """When it took place; now, if not said."""
    metadata: dict[str, JsonValue] | None = None


class NewTurns(Body):
    """Many turns, journalled all or none."""

    turns: Annotated[list[NewTurn], Field(min_length=1, max_length=1000)]


class NewMessage(Body):
    """A message as an agent framework has it."""

    role: Literal["user", "assistant", "system", "tool"]
    content: SaidText
    name: Text | None = None


class NewMessages(Body):
    """Messages: each of a user begins a turn."""

    messages: Annotated[list[NewMessage], Field(min_length=1, max_length=1000)]
    timestamp: Time | None = None
    metadata: dict[str, JsonValue] | None = None


class Question(Body):
    """What to recall."""

    query: SaidText
    k: Count | None = None
    """Most pages."""
    max_tokens: Tokens | None = None
    """Budget of `prompt`."""
    where: dict[str, Condition] | None = None
    """Which pages may come: session_id, since, before, and any name of their metadata."""
    min_relevance: Share | None = None
    """Relevance below which a page does not come."""
    as_of: Time | None = None
    """What was known at that time."""


class Asking(Body):
    """What to answer."""

    query: SaidText
    relationship_with_user: Text = ""
    style_hint: Text = ""
    stream: bool = False
    """Whether the answer comes piece by piece, as server-sent events."""


class Remembering(Body):
    """A fact, stated by hand."""

    text: SaidText
    owner: Owner = "user"
    attribute: SaidText | None = None
    """The line of the profile that it is, if it is one."""
    source: Id | None = None
    """Id of the page that it comes from, if it comes from one."""


class Correction(Body):
    """What is true in place of what is known."""

    knowledge_id: Id
    text: SaidText


class KnowledgeId(Body):
    """Which fact or statement."""

    knowledge_id: Id


def _of_one(schema: dict[str, Any]) -> None:
    """Say in a schema that exactly one member is to be given; null is none."""
    for member in schema["properties"].values():
        member.pop("default", None)
    schema.update(minProperties=1, maxProperties=1)


class Forgetting(Body):
    """What to forget: exactly one of these."""

    model_config = ConfigDict(json_schema_extra=_of_one)

    page_id: Id | SkipJsonSchema[None] = None
    knowledge_id: Id | SkipJsonSchema[None] = None
    session: Id | SkipJsonSchema[None] = None
    before: Time | SkipJsonSchema[None] = None
    everything: Literal[True] | SkipJsonSchema[None] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Forgetting:
        given = [getattr(self, name) for name in self.model_fields_set]
        if len(given) != 1 or given[0] is None:
            raise ValueError(f"give exactly one of {', '.join(type(self).model_fields)}")
        return self


class Recalled(BaseModel):
    """What the memory holds on a question."""

    query: str
    relevance: float
    """From 0 to 1: whether the memory bears on the question at all."""
    pages: Sequence[RecalledPage]
    short_term: Sequence[Page]
    segments: Sequence[Segment]
    user_knowledge: Sequence[Knowledge]
    agent_knowledge: Sequence[Knowledge]
    profile: Profile
    prompt: str
    """What to put into a model's prompt: fenced, and never over the budget."""
    prompt_tokens: int


class Answer(BaseModel):
    """The agent's answer; the turn is in the journal."""

    text: str


class Pages(BaseModel):
    """A part of the journal."""

    pages: Sequence[Page]
    up_to_seq: int | None
    """Where the next part begins, for newest_first; null when nothing is left."""


class KnowledgeList(BaseModel):
    """What is known."""

    knowledge: Sequence[Knowledge]


class Explained(BaseModel):
    """Where a fact or statement comes from."""

    knowledge: Knowledge
    pages: Sequence[Page]
    superseded: Sequence[Knowledge]
    statements: Sequence[Knowledge] = Field((), description="What a model's fact was read from.")


class Segments(BaseModel):
    """Mid-term memory, the hottest first."""

    segments: Sequence[Segment]


class Sessions(BaseModel):
    """The sessions of a memory, in order of their first turn."""

    sessions: Sequence[str]


class Scopes(BaseModel):
    """Whose memories there are."""

    scopes: Sequence[Scope]


class Receipts(BaseModel):
    """The receipts of all erasures, oldest first."""

    receipts: Sequence[ErasureReceipt]


class Done(BaseModel):
    """It was done."""

    done: Literal[True] = True


class Health(BaseModel):
    """Whether the server answers."""

    status: Literal["ok"] = "ok"
    version: str


class Problem(BaseModel):
    """What was wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
