"""Forgetting follows the answers that a model gave from what is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memoryos import Engine, Memory
from memoryos.llm import OpenAIChat
from memoryos.model import DREW_ON
from memoryos.storage.codec import ALL_KINDS
from memoryos.testing.memory_answers import memory_answers
from memoryos.testing.openai_server import OpenAIServer

ANSWERS = {
    "where do i live": "You live in Yunford, by the river.",
    "what should i pack": "As Yunford is wet: a coat.",
    "do i like chess": "Yes, you do.",
    "how are you": "Fine, thank you.",
}


def says(request: object) -> object:
    prompt = request.messages[-1]["content"]  # type: ignore[attr-defined]
    found = [answer for asked, answer in ANSWERS.items() if asked in prompt.casefold()]
    return (
        found[0] if found and not request.body.get("response_format") else memory_answers(request)
    )  # type: ignore[attr-defined,arg-type]


@pytest.fixture
def memory(quick_folder: Path) -> Iterator[Memory]:
    with OpenAIServer(says) as server:
        model = OpenAIChat("m", base_url=server.url, api_key="k")
        uri = f"sqlite:///{quick_folder / 'm.db'}"
        with Engine.open(uri, {"promotion": "manual"}, chat_model=model) as engine:
            yield engine.memory("tom")


def test_an_answer_notes_what_it_drew_on(memory: Memory) -> None:
    page = memory.add("I live in Yunford.", "Nice.")
    memory.respond("Where do I live?")
    assert page.id in memory.pages()[-1].metadata[DREW_ON]
    list(memory.session("other").respond_stream("Where do I live?"))
    assert page.id in memory.pages()[-1].metadata[DREW_ON]


def test_an_answer_in_the_erased_words_goes_and_so_does_one_that_drew_on_it(
    memory: Memory, quick_folder: Path
) -> None:
    secret = memory.add("I live in Yunford.", "Nice.")
    memory.add("I like chess.", "Good.")
    memory.respond("Where do I live?")
    memory.respond("What should I pack?")
    memory.flush()
    receipt = memory.forget(page_id=secret.id)
    said = {page.user_input: page.agent_response for page in memory.pages()}
    assert said["Where do I live?"] == said["What should I pack?"] == ""
    assert said["I like chess."] == "Good."
    assert receipt.rewritten["pages"] == 2
    assert b"yunford" not in b"".join(f.read_bytes() for f in quick_folder.iterdir()).lower()
    memory.flush()
    store = memory._modules.store
    assert "yunford" not in str(store.records(memory.scope, ALL_KINDS)).casefold()
    assert memory._modules.store.unreadable(memory.scope) == 0


def test_an_answer_in_other_words_is_named_in_the_receipt(memory: Memory) -> None:
    chess = memory.add("I like chess.", "Good.")
    memory.respond("Do I like chess?")
    answer = memory.pages()[-1]
    receipt = memory.forget(page_id=chess.id)
    assert receipt.answers == (answer.id,)
    assert memory.page(answer.id).agent_response == "Yes, you do."
    assert memory.receipts()[-1] == receipt
    assert memory.forget(page_id=receipt.answers[0]).answers == ()


def test_an_answer_that_drew_on_nothing_erased_is_left_alone(memory: Memory) -> None:
    memory.respond("How are you?")
    first = memory.pages()[-1]
    secret = memory.add("I live in Yunford.", "Nice.")
    receipt = memory.forget(page_id=secret.id)
    assert receipt.answers == ()
    assert memory.page(first.id) == first
