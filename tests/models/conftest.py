"""A scripted endpoint, and pages to consolidate and promote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest

from memoryos.llm import OpenAIChat
from memoryos.model import Message, Page
from memoryos.testing.openai_server import OpenAIServer

KEY = "sk-test-3f9c1d7a5b2e4860"
DAY = datetime(2025, 5, 8, 9, tzinfo=timezone.utc)

DIALOGUE = (
    ("I moved to Lisbon last spring and I love the light here.", "Lisbon sounds wonderful!"),
    ("I work as a nurse at the Santa Maria hospital.", "That must be demanding."),
    ("I paint watercolours on Sundays to relax.", "What do you paint?"),
    ("Mostly the river, and my sister Ana when she visits.", "She must be patient!"),
    ("Please book nothing on Sunday mornings.", "Noted, Sundays are for painting."),
)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def key() -> str:
    """A key that must turn up nowhere."""
    return KEY


@pytest.fixture
def chat(server: OpenAIServer) -> Iterator[OpenAIChat]:
    """A chat model at the scripted endpoint, quick to give up."""
    model = OpenAIChat("gpt-4o-mini", KEY, server.url, timeout=1.0, max_retries=1)
    yield model
    model.close()


@pytest.fixture
def make_pages() -> Callable[..., tuple[Page, ...]]:
    def make(
        *dialogue: tuple[str, str], user: str = "Tom", agent: str | None = None, day: datetime = DAY
    ) -> tuple[Page, ...]:
        return tuple(
            Page(
                id=f"page-{number}",
                user_input=said,
                agent_response=answered,
                timestamp=day + timedelta(minutes=number),
                session_id="default",
                messages=(
                    Message("user", said, name=user),
                    Message("assistant", answered, name=agent),
                ),
                seq=number,
            )
            for number, (said, answered) in enumerate(dialogue or DIALOGUE, 1)
        )

    return make
