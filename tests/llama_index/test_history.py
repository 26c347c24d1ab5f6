"""put, set, reset: across handles, threads and processes; what the journal keeps."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index_doubles import assistant, call, said, system, user

from memoryos_integrations.llama_index import MemoryOSMemory


@pytest.fixture
def other(engine):
    """Another handle of the same session."""
    return MemoryOSMemory(engine, "tom", "chat")


def test_a_message_is_durable_when_put_returns(memory, journal, sqlite_uri):
    memory.put(user("I like tea"))
    assert journal.pages()[0].user_input == "I like tea"
    memory.put(assistant("Green or black?"))
    (page,) = journal.pages()
    assert (page.user_input, page.agent_response) == ("I like tea", "Green or black?")
    again = MemoryOSMemory(storage_uri=sqlite_uri, user_id="tom", session_id="chat")
    assert again.get_all() == [user("I like tea"), assistant("Green or black?")]


def test_tool_calls_are_kept_and_the_final_words_are_the_response(memory, journal):
    flushed = [
        call("search", q="tea"),
        ChatMessage(role="tool", content="x", additional_kwargs={"tool_call_id": "call-1"}),
        assistant("Green tea it is"),
    ]
    memory.put(user("Which tea?"))
    memory.put_messages(flushed)
    (page,) = journal.pages()
    assert page.agent_response == "Green tea it is"
    assert [m.role for m in page.messages] == ["user", "assistant", "tool", "assistant"]
    assert memory.get_all() == [user("Which tea?"), *flushed]


def test_reset_is_seen_by_every_handle_and_every_process(memory, other, journal, sqlite_uri):
    memory.put_messages([user("a"), assistant("b")])
    memory.reset()
    third = MemoryOSMemory(storage_uri=sqlite_uri, user_id="tom", session_id="chat")
    for handle in (memory, other, third):
        assert handle.get() == []
        assert handle.get_all() == []
    other.put(user("c"))
    assert memory.get_all() == [user("c")]
    assert [page.user_input for page in journal.pages()] == ["a", "c"]


def test_reset_keeps_pages_facts_and_their_places(memory, journal):
    for number in range(14):
        memory.put_messages([user(f"I live in Braga, day {number}"), assistant("Nice")])
    journal.flush()
    before, known = journal.pages(), journal.knowledge()
    assert known
    memory.reset()
    memory.reset()
    journal.flush()  # the page that the mark stands on is filed anew, to where it was
    after = journal.pages()
    assert [(p.id, p.text, p.segment_id, p.chain_id) for p in after] == [
        (p.id, p.text, p.segment_id, p.chain_id) for p in before
    ]
    assert [(k.id, k.text, k.sources) for k in journal.knowledge()] == [
        (k.id, k.text, k.sources) for k in known
    ]
    memory.put(user("Where do I live?"))
    assert "Braga" in memory.get()[1].content


def test_resetting_nothing_leaves_nothing(memory, journal):
    memory.reset()
    memory.set([])
    assert memory.get_all() == []
    assert journal.pages() == []


def test_a_greeting_after_a_reset_is_not_the_old_pages_answer(memory, journal):
    memory.put_messages([user("a"), assistant("b")])
    memory.reset()
    memory.put(assistant("Welcome back"))
    memory.put(user("c"))
    assert memory.get_all() == [assistant("Welcome back"), user("c")]
    assert [page.agent_response for page in journal.pages()] == ["b", "Welcome back", ""]


def test_set_replaces_the_history(memory, other, journal):
    memory.put_messages([user("a"), assistant("b"), user("c"), assistant("d")])
    new = [system("S"), user("x"), assistant("y")]
    memory.set(new)
    assert memory.get_all() == other.get_all() == new
    assert [memory.get()[0], *memory.get()[-2:]] == new  # what was replaced is remembered between
    other.put(user("z"))
    assert memory.get_all() == [*new, user("z")]
    assert [page.user_input for page in journal.pages()] == ["a", "c", "x", "z"]


def test_set_again_and_on_costs_only_what_is_new(memory, journal):
    old = [user("a"), assistant("b"), user("c"), assistant("d")]
    memory.set(old)
    ids = [page.id for page in journal.pages()]
    memory.set(old)
    memory.set([*old, user("e")])
    assert [page.id for page in journal.pages()][:2] == ids
    assert len(journal.pages()) == 3
    assert memory.get_all() == [*old, user("e")]


def test_set_back_and_forth_makes_no_copies(memory, journal):
    a, b, c = ([user(f"q{n}"), assistant(f"a{n}")] for n in "abc")
    histories = [[*a, *b], [*b], [*a], [*a, *b, *c], [*c], [*a, *c], [], [*a, *b]]
    for history in histories:
        memory.set(history)
        assert memory.get_all() == history
    assert sorted(page.user_input for page in journal.pages()) == ["qa", "qb", "qc"]
    memory.put(user("on"))
    assert memory.get_all() == [*a, *b, user("on")]


def test_another_answer_to_the_same_question_is_another_turn(memory, journal):
    memory.set([user("a"), assistant("b")])
    memory.set([user("a")])
    memory.put(assistant("better"))
    assert memory.get_all() == [user("a"), assistant("better")]
    assert [page.agent_response for page in journal.pages()] == ["b", "better"]


def test_a_forgotten_page_leaves_a_set_history_too(memory, journal):
    a, b = ([user(f"q{n}"), assistant(f"a{n}")] for n in "ab")
    memory.set([*a, *b])
    memory.set(a)
    journal.forget(page_id=journal.pages()[0].id)
    assert memory.get_all() == []
    memory.put(user("c"))
    assert memory.get_all() == [user("c")]


def test_forgetting_the_session_takes_all_of_it(memory, journal):
    memory.put_messages([system("S"), user("a"), assistant("b")])
    memory.reset()
    memory.put(user("c"))
    journal.forget(session="chat")
    assert memory.get_all() == []
    assert journal.pages() == []
    assert journal.sessions() == []
    memory.put(user("d"))
    assert memory.get_all() == [user("d")]


def test_sessions_and_users_are_apart(engine, memory):
    memory.put(user("mine"))
    assert MemoryOSMemory(engine, "tom", "other").get_all() == []
    assert MemoryOSMemory(engine, "anna", "chat").get_all() == []
    assert MemoryOSMemory(engine, "tom", "chat", assistant_id="other").get_all() == []


def test_consecutive_messages_of_one_side(memory):
    messages = [user("a"), user("b"), assistant("c"), assistant("d"), user("e")]
    for message in messages:
        memory.put(message)
    assert memory.get_all() == messages
    assert said(memory.get())[0] == ("user", "a")


def test_the_same_words_again_are_not_dropped(memory):
    for _ in range(4):
        memory.put(user("ping"))
        memory.put(assistant("pong"))
    assert len(memory.get_all()) == 8


def test_from_defaults(engine, llm):
    made = MemoryOSMemory.from_defaults(engine, user_id="tom", session_id="s", llm=llm)
    assert made.token_limit == int(llm.metadata.context_window * 0.75)
    made = MemoryOSMemory.from_defaults(engine, "tom", chat_history=[user("a")], token_limit=7)
    assert (made.token_limit, made.get_all()) == (7, [user("a")])
    again = MemoryOSMemory.from_defaults(engine, "tom", session_id=made.session_id, chat_history=[])
    assert again.get_all() == [user("a")]
    assert MemoryOSMemory.from_defaults(engine, "tom").session_id != again.session_id


def test_reading_does_not_grow_with_the_session(engine, monkeypatch):
    memory = MemoryOSMemory(engine, "tom", "long", token_limit=100)
    asked = []
    pages = type(memory.memory_of("long")).pages

    def counted(self, *args, **kwargs):
        found = pages(self, *args, **kwargs)
        asked.append(len(found))
        return found

    monkeypatch.setattr(type(memory.memory_of("long")), "pages", counted)
    sizes = []
    for number in range(120):
        memory.put_messages([user(f"Number {number}?"), assistant(f"It is {number}")])
        asked.clear()
        memory.get()
        sizes.append(sum(asked))
    assert sizes[119] == sizes[40]
