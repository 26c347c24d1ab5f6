"""Five hundred turns through SimpleChatEngine; benchmarks/llama_index_turns.py times them."""

from __future__ import annotations

import pytest
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index_doubles import ask, texts, user

from memoryos import Engine
from memoryos_integrations.llama_index import MemoryOSMemory

TOPICS = ("the garden", "a book on rivers", "the old bicycle", "lunch", "a train to Porto")


@pytest.mark.slow
def test_a_question_about_turn_3_long_after_it_left_the_window(sqlite_uri, llm):
    with Engine.open(sqlite_uri, config={"durability": "normal"}) as engine:
        memory = MemoryOSMemory(engine, "tom", "long", token_limit=600)
        chat = SimpleChatEngine.from_defaults(llm=llm, memory=memory, system_prompt="Be kind.")
        for turn in range(1, 501):
            if turn == 3:
                ask(chat, "chat", "The spare key is under the blue flower pot")
            else:
                ask(chat, "chat", f"Turn {turn}: tell me something about {TOPICS[turn % 5]}")
        assert "blue flower pot" not in texts(llm.last_chat_messages[-10:])
        ask(chat, "chat", "Where is the spare key?")
        shown = llm.last_chat_messages
        assert "under the blue flower pot" in texts(shown)
        assert not any("blue flower pot" in (m.content or "") for m in shown if m.role == "user")
        recent = [m for m in shown if m.role == "user"]
        assert recent[-1] == user("Where is the spare key?")
        assert "Turn 500" in recent[-2].content
        counted = sum(engine.count_tokens(m.content or "") for m in shown)
        assert counted <= 600
        assert len(memory.get_all()) == 1002
