"""Which verbs there are: one line of the table for each."""

from __future__ import annotations

from memoryos.frontends.web.api import operations as do
from memoryos.frontends.web.api import schemas
from memoryos.frontends.web.api.operations import ID, OWNER, TIME, Operation, Parameter
from memoryos.model import ErasureReceipt, Knowledge, Page, Profile, Stats, Usage

AS_OF = Parameter("as_of", TIME, "As it was known at that time.")
SINCE = Parameter("since", TIME, "From this time on.")
BEFORE = Parameter("before", TIME, "Before this time.")
LIMIT = Parameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "Most pages."
)
UP_TO_SEQ = Parameter(
    "up_to_seq",
    {"type": "integer", "minimum": 0, "maximum": 2**53},
    "Up to this position of the journal: `up_to_seq` of the part before.",
)
NEWEST_FIRST = Parameter("newest_first", {"type": "boolean", "default": True}, "Or oldest first.")
STATUS = Parameter(
    "status",
    {"type": "string", "enum": ["active", "archived", "superseded", "all"], "default": "active"},
    "Current knowledge, or what it took the place of.",
)
KIND = Parameter(
    "kind", {"type": "string", "enum": ["statement", "fact"]}, "Quotations, or what was read."
)
ABOUT = Parameter("owner", OWNER, "Knowledge about whom; both, if not said.")
KNOWLEDGE_ID = Parameter("knowledge_id", ID, "Which fact or statement.")

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/api/health",
        "health",
        "Whether the server answers.",
        do.health,
        schemas.Health,
        of_a_memory=False,
        open=True,
    ),
    Operation(
        "GET",
        "/api/ready",
        "ready",
        "Whether the store answers too; 503 when it does not.",
        do.ready,
        schemas.Health,
        of_a_memory=False,
        open=True,
    ),
    Operation(
        "GET",
        "/api/scopes",
        "scopes",
        "Whose memories there are.",
        do.scopes,
        schemas.Scopes,
        of_a_memory=False,
    ),
    Operation(
        "POST",
        "/api/pages",
        "add",
        "Journal one turn. It is durable and can be recalled when this answers.",
        do.add,
        Page,
        body=schemas.NewTurn,
        status=201,
        changes=True,
    ),
    Operation(
        "POST",
        "/api/messages",
        "add_messages",
        "Journal messages verbatim.",
        do.add_messages,
        schemas.Pages,
        body=schemas.NewMessages,
        status=201,
        changes=True,
    ),
    Operation(
        "GET",
        "/api/pages",
        "pages",
        "Read the journal, part by part.",
        do.pages,
        schemas.Pages,
        parameters=(
            LIMIT,
            NEWEST_FIRST,
            UP_TO_SEQ,
            SINCE,
            BEFORE,
            Parameter("of_session", ID, "Only this session's pages."),
        ),
    ),
    Operation(
        "GET",
        "/api/page",
        "page",
        "Read one page.",
        do.page,
        Page,
        parameters=(Parameter("page_id", ID, "Which page."),),
    ),
    Operation(
        "POST",
        "/api/recall",
        "recall",
        "What the memory holds on a question, from every tier and session.",
        do.recall,
        schemas.Recalled,
        body=schemas.Question,
        waits=True,
    ),
    Operation(
        "POST",
        "/api/respond",
        "respond",
        "Recall, answer, and journal the turn. Without a model the answer quotes the memory.",
        do.respond,
        schemas.Answer,
        body=schemas.Asking,
        changes=True,
        streams=True,
        waits=True,
    ),
    Operation(
        "GET",
        "/api/knowledge",
        "knowledge",
        "What is known, oldest first.",
        do.knowledge,
        schemas.KnowledgeList,
        parameters=(ABOUT, KIND, STATUS, AS_OF),
    ),
    Operation(
        "GET",
        "/api/explain",
        "explain",
        "Where a fact or statement comes from, and what it took the place of.",
        do.explain,
        schemas.Explained,
        parameters=(KNOWLEDGE_ID,),
    ),
    Operation(
        "POST",
        "/api/remember",
        "remember",
        "State a fact.",
        do.remember,
        Knowledge,
        body=schemas.Remembering,
        status=201,
        changes=True,
    ),
    Operation(
        "POST",
        "/api/correct",
        "correct",
        "Put a fact right; the old one is superseded, visibly.",
        do.correct,
        Knowledge,
        body=schemas.Correction,
        changes=True,
    ),
    Operation(
        "POST",
        "/api/restore",
        "restore",
        "Make a superseded or archived fact current again.",
        do.restore,
        Knowledge,
        body=schemas.KnowledgeId,
        changes=True,
    ),
    Operation(
        "POST",
        "/api/forget",
        "forget",
        "Erase a page, a fact, a session, all before a time, or everything; give the receipt.",
        do.forget,
        ErasureReceipt,
        body=schemas.Forgetting,
        changes=True,
    ),
    Operation(
        "GET",
        "/api/profile",
        "profile",
        "Who the user and the agent are, as far as is known.",
        do.profile,
        Profile,
        parameters=(AS_OF,),
    ),
    Operation(
        "GET",
        "/api/segments",
        "segments",
        "Mid-term memory, the hottest first.",
        do.segments,
        schemas.Segments,
    ),
    Operation("GET", "/api/sessions", "sessions", "The sessions.", do.sessions, schemas.Sessions),
    Operation("GET", "/api/stats", "stats", "How much each tier holds.", do.stats, Stats),
    Operation(
        "GET",
        "/api/usage",
        "usage",
        "What model calls have cost.",
        do.usage,
        Usage,
        parameters=(SINCE,),
    ),
    Operation(
        "GET",
        "/api/receipts",
        "receipts",
        "Receipts of all erasures.",
        do.receipts,
        schemas.Receipts,
    ),
    Operation(
        "POST",
        "/api/flush",
        "flush",
        "File and read everything that is journalled, now.",
        do.flush,
        schemas.Done,
        changes=True,
        waits=True,
    ),
)
