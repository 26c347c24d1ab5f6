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
PER_PAGE = 600
"""Where the shape is told in words, and every other batch makes a segment hot."""


def test_prompt_tokens_per_page(server, key, make_pages):
    server.refuses = frozenset(["response_format"])  # the dearest case: the shape is told in words
    model = OpenAIChat("gpt-4o-mini", key, server.url)
    count = token_counter("gpt-4o-mini")
    analyst = LLMAnalyst(model, count, Rules())
    pages = make_pages(*[(SIDE.format(n=n), SIDE.format(n=n)) for n in range(56)], agent="Melanie")
    assert 55 <= sum(count(p.user_input) + count(p.agent_response) for p in pages) / 56 <= 70
    known = tuple(
        Knowledge(
            f"k{n}", "user", f"Tom went to the pottery class {n} with Ana and the kids.",
            (Source("page-1", ""),), "m", NOW, NOW, NOW,
        )
        for n in range(50)
    )  # fmt: skip
    analyst.consolidate(Batch(pages[:7]))
    server.requests.clear()  # the endpoint has said what it does not take
    chain = Chain(
        "c1", "default", (pages[0].id,), "Tom and Melanie talk about pottery. " * 5, "m", NOW
    )
    for start in range(0, 56, 7):
        batch = pages[start : start + 7]
        previous = pages[start - 1] if start else None
        analyst.consolidate(Batch(batch, previous, chain if start else None, known))
        if start % 14:
            pair = pages[start - 7 : start + 7]
            analyst.promote(PromotionRequest(SEGMENT, pair, known, Profile()))
    assert len(server.chats) == 12
    assert sum(request.prompt_tokens for request in server.chats) / 56 <= PER_PAGE
    model.close()


def test_an_assistants_long_answers_cost_little(server, key, make_pages):
    """Pages as long as BEAM's: a message of 230 tokens, an answer of 950."""
    model = OpenAIChat("gpt-4o-mini", key, server.url)
    count = token_counter("gpt-4o-mini")
    analyst = LLMAnalyst(model, count, Rules())
    told = " ".join(SIDE.format(n=n) for n in range(8))
    advice = "Keep it simple. " + "You can also use the table of all the classes below. " * 90
    pages = make_pages(*[(f"{n} {told} My cat is Tofu.", advice) for n in range(7)])
    assert count(told) > 200
    assert count(advice) > 900
    analyst.consolidate(Batch(pages))
    analyst.promote(PromotionRequest(SEGMENT, pages, (), Profile()))
    filing, promotion = (request.prompt_tokens / 7 for request in server.chats)
    assert filing <= 420
    assert promotion <= 260
    assert "My cat is Tofu." in str(server.chats[0].messages)
    assert "Keep it simple." in str(server.chats[0].messages)
    model.close()
