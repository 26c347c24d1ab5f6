"""Every kind of failure that issue 3 lists, through a real connection to a scripted endpoint."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest

from memoryos.errors import ModelError
from memoryos.llm import OpenAIChat
from memoryos.llm.tokens import token_counter
from memoryos.model import Profile, Segment
from memoryos.ports import Batch, PromotionRequest
from memoryos.testing.memory_answers import memory_answers
from memoryos.updating.analysts.choice import Rules
from memoryos.updating.analysts.llm import LLMAnalyst
from tests.failures.model_failures import MODEL_FAILURES, ORDER

NOW = datetime(2025, 5, 9, tzinfo=timezone.utc)
SEGMENT = Segment("s1", "about Tom", (), 5, 1, 5, NOW, NOW)


def test_all_thirteen_are_here():
    assert len({failure.name for failure in MODEL_FAILURES}) == 13


@pytest.fixture(params=MODEL_FAILURES, ids=lambda failure: failure.name)
def failure(request):
    return request.param


def test_no_failure_gives_more_than_drafts_of_the_pages(server, key, make_pages, failure):
    calls = []
    model = OpenAIChat("gpt-4o-mini", key, server.url, timeout=1.0, max_retries=1)
    analyst = LLMAnalyst(
        model, token_counter("gpt-4o-mini"), Rules(), lambda *call: calls.append(call)
    )
    pages = make_pages()
    request = PromotionRequest(SEGMENT, pages, (), Profile())
    server.chat = failure.script
    if not failure.connects:
        server.close()
    begun = time.monotonic()
    if failure.usable or failure.lasting:
        drafts = analyst.consolidate(Batch(pages))
        assert sorted(id_ for topic in drafts.topics for id_ in topic.page_ids) == [
            page.id for page in pages
        ]
        assert {topic.failed for topic in drafts.topics} == {failure.lasting}
        assert ORDER not in repr(drafts)
        promotion = analyst.promote(request)
        assert ORDER not in repr(promotion)
        assert all(not fact.supersedes for fact in (*drafts.facts, *promotion.facts))
        assert not (failure.lasting and (drafts.facts or promotion.facts or promotion.traits))
    else:
        with pytest.raises(ModelError) as caught:
            analyst.consolidate(Batch(pages))
        assert key not in str(caught.value)
        assert "Lisbon" not in str(caught.value)
        with pytest.raises(ModelError):
            analyst.promote(request)
    assert time.monotonic() - begun < 30
    assert {call[0] for call in calls} == {"consolidate", "promote"}
    assert len(calls) <= 10  # a model that cannot do it is not asked about every page
    assert {call[3] for call in calls} <= {"ok", "ModelUnavailable", "ModelAnswerInvalid"}
    model.close()


def test_when_the_model_comes_back_the_same_analyst_works(server, chat, make_pages):
    analyst = LLMAnalyst(chat, token_counter("gpt-4o-mini"), Rules())
    for failure in MODEL_FAILURES:
        server.chat = failure.script
        if failure.lasting:
            assert analyst.consolidate(Batch(make_pages())).topics[0].failed
        elif failure.connects and not failure.usable and failure.name != "time-out":
            with pytest.raises(ModelError):
                analyst.consolidate(Batch(make_pages()))
    server.chat = memory_answers
    drafts = analyst.consolidate(Batch(make_pages()))
    assert drafts.topics[0].summary.startswith("Tom and the assistant talk about")
    promotion = analyst.promote(PromotionRequest(SEGMENT, make_pages(), (), Profile()))
    home = next(fact for fact in promotion.facts if fact.attribute == "home")
    assert home.value == "Lisbon"
    assert home.sources[0].quote in make_pages()[0].user_input
