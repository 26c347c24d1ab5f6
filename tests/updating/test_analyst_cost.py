"""What a page costs: the budget of DESIGN section 8, without the engine.

The figure on LoCoMo is the benchmark's; its text does not belong here. These pages are as long.
"""

from __future__ import annotations

from datetime import datetime, timezone

from memoryos.llm import OpenAIChat
from memoryos.llm.tokens import token_counter
from memoryos.model import Chain, Knowledge, Profile, Segment, Source
from memoryos.ports import Batch, PromotionRequest
from memoryos.updating.analysts.choice import Rules
from memoryos.updating.analysts.llm import LLMAnalyst

NOW = datetime(2025, 5, 9, tzinfo=timezone.utc)
SEGMENT = Segment("s1", "", (), 5, 1, 5, NOW, NOW)
SIDE = (
    "I went to the pottery class number {n} with the kids last weekend and we made bowls, and it "
    "was fun to see them so proud."
)
PER_PAGE = 520
"""Of which the persona, read with every batch here and far less often in an engine, is half."""


def test_prompt_tokens_per_page(server, key, make_pages):
    server.refuses = frozenset(["response_format"])  # the dearest case: the shape is told in words
    model = OpenAIChat("gpt-4o-mini", key, server.url)
    count = token_counter("gpt-4o-mini")
    analyst = LLMAnalyst(model, count, Rules())
    pages = make_pages(*[(SIDE.format(n=n), SIDE.format(n=n)) for n in range(60)], agent="Melanie")
    assert 55 <= sum(count(p.user_input) + count(p.agent_response) for p in pages) / 60 <= 70
    known = tuple(
        Knowledge(
            f"k{n}", "user", f"Tom went to the pottery class {n} with Ana and the kids.",
            (Source("page-1", ""),), "m", NOW, NOW, NOW,
        )
        for n in range(50)
    )  # fmt: skip
    analyst.consolidate(Batch(pages[:5]))
    server.requests.clear()  # the endpoint has said what it does not take
    chain = Chain(
        "c1", "default", (pages[0].id,), "Tom and Melanie talk about pottery. " * 5, "m", NOW
    )
    for start in range(0, 60, 5):
        batch = pages[start : start + 5]
        previous = pages[start - 1] if start else None
        analyst.consolidate(Batch(batch, previous, chain if start else None, known))
        analyst.promote(PromotionRequest(SEGMENT, batch, known, Profile()))
    assert len(server.chats) == 24
    assert sum(request.prompt_tokens for request in server.chats) / 60 <= PER_PAGE
    model.close()
