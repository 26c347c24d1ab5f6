"""What `get` returns: system prompt, memory, recent turns, within the limit."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock, ToolCallBlock
from llama_index_doubles import assistant, call, roles, said, system, texts, user

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos_integrations.llama_index import MemoryOSMemory
from memoryos_integrations.llama_index.memory import LEAD
from memoryos_integrations.llama_index.window import message_tokens


def result(text: str, id_: str = "call-1") -> ChatMessage:
    return ChatMessage(role="tool", content=text, additional_kwargs={"tool_call_id": id_})


def tokens(memory: MemoryOSMemory, messages: list[ChatMessage]) -> int:
    return sum(message_tokens(m, lambda text: len(memory.tokenizer_fn(text))) for m in messages)


def narrow(engine: Engine, limit: int, session: str = "chat", **kwargs: object) -> MemoryOSMemory:
    return MemoryOSMemory(engine, "tom", session, limit, **kwargs)


def test_system_prompt_memory_recent_turns_in_this_order(engine):
    engine.memory("tom", session_id="old").add("My dog is called Biscuit", "Sweet")
    memory = narrow(engine, 200)
    memory.put(system("Answer like a pirate."))
    for number in range(30):
        memory.put_messages([user(f"Number {number}?"), assistant(f"It is {number}")])
    memory.put(user("What is my dog called?"))
    got = memory.get()
    assert got[0] == system("Answer like a pirate.")
    assert got[1].role == "system"
    assert got[1].content.startswith(LEAD)
    assert "Biscuit" in got[1].content
    assert got[-1] == user("What is my dog called?")
    assert got[-3:-1] == [user("Number 29?"), assistant("It is 29")]
    assert roles(got[2:]) == ["user", "assistant"] * ((len(got) - 3) // 2) + ["user"]
    assert tokens(memory, got) <= 200


def test_the_memory_is_not_the_first_system_message(engine):
    """A ReAct agent throws that one away."""
    engine.memory("tom", session_id="old").add("My dog is called Biscuit", "Sweet")
    memory = narrow(engine, 500)
    memory.put(user("What is my dog called?"))
    lead, block, question = memory.get()
    assert (lead.content, block.role, question.role) == (LEAD, "system", "user")
    assert "Biscuit" in block.content


def test_what_fits_is_returned_as_it_is(engine):
    memory = narrow(engine, 300)
    messages = [
        turn for n in range(12) for turn in (user(f"word {n} " * 2), assistant(f"fine {n}"))
    ]
    memory.put_messages(messages)
    assert memory.get() == messages


def test_the_number_of_turns_may_be_limited_too(engine):
    turns = [[user(f"Number {n}?"), assistant(f"It is {n}")] for n in range(30)]
    for limit, shown in ((1, 1), (3, 3), (20, 20), (None, 30)):
        memory = narrow(engine, 3000, "few", recent_turns=limit)
        memory.set([m for turn in turns for m in turn])
        recent = [m for m in memory.get() if m.role != "system"]
        assert recent == [m for turn in turns[-shown:] for m in turn]
        assert len(memory.get_all()) == 60
    assert MemoryOSMemory(engine, "tom").recent_turns == 20


def test_a_turn_stands_once_in_what_is_returned(engine):
    memory = narrow(engine, 150)
    for number in range(30):
        memory.put_messages([user(f"Town {number} is nice"), assistant(f"Yes, town {number}")])
    shown = texts(memory.get("Which town is nice?"))
    assert all(shown.count(f"Town {number} is nice") <= 1 for number in range(30))
    assert shown.count("Town 29 is nice") == 1


def test_the_question_is_the_input_else_the_last_message_of_the_user(engine):
    engine.memory("tom", session_id="old").add("My dog is called Biscuit", "Sweet")
    engine.memory("tom", session_id="old").add("I was born in Braga", "Nice town")
    memory = narrow(engine, 65, memory_ratio=0.8)
    memory.put(user("Where was I born?"))
    assert "Braga" in texts(memory.get())
    assert "Biscuit" in texts(memory.get("What is my dog called?"))
    assert "Biscuit" in texts(memory.get(user("What is my dog called?")))


def test_the_newest_user_message_is_there_whatever_the_limit(engine):
    for limit in (1, 2, 5, 20):
        memory = narrow(engine, limit, session=f"limit {limit}")
        memory.put_messages([system("Be kind. " * 10), user("a"), assistant("b")])
        memory.put(user("A question that is longer than any of the limits, " * 3))
        got = memory.get()
        assert got[0] == system("Be kind. " * 10)
        assert got[-1].role == "user"
        assert len(got) == 2


def test_the_callers_own_tokens_count(engine):
    memory = narrow(engine, 50)
    for question, answer in (("one two three", "yes"), ("four five", "no")):
        memory.put_messages([user(question), assistant(answer)])
    assert len(memory.get()) == 4
    assert len(memory.get(initial_token_count=45)) == 2
    assert said(memory.get(initial_token_count=50)) == [("user", "four five")]
    with pytest.raises(ValueError, match=r"^Initial token count exceeds token limit$"):
        memory.get(initial_token_count=51)


def test_a_long_turn_keeps_question_and_last_steps_and_splits_no_call(engine):
    memory = narrow(engine, 60)
    memory.put_messages(
        [
            user("Find it"),
            call("search", "a", q="long " * 10),
            result("found " * 20, "a"),
            call("search", "b", q="x"),
            result("second", "b"),
            assistant("There it is"),
        ]
    )
    assert roles(memory.get()) == ["user", "assistant", "tool", "assistant"]
    assert memory.get()[1].blocks[0].tool_call_id == "b"
    assert len(memory.get_all()) == 6


def test_parallel_calls_stay_with_all_their_results(engine):
    both = ChatMessage(
        role="assistant",
        blocks=[ToolCallBlock(tool_call_id=i, tool_name="f", tool_kwargs={}) for i in "ab"],
    )
    messages = [user("Go"), both, result("one " * 9, "a"), result("two " * 9, "b"), assistant("ok")]
    for limit in range(1, 140):
        memory = narrow(engine, limit, session="parallel")
        if limit == 1:
            memory.put_messages(messages)
        assert roles(memory.get()) in (
            ["user"],
            ["user", "assistant"],
            ["user", "assistant", "tool", "tool", "assistant"],
        )


def test_never_begins_with_an_assistant_message(engine):
    memory = narrow(engine, 1000)
    memory.put_messages([assistant("Welcome!"), user("Hi"), assistant("How are you?")])
    assert said(memory.get())[0] == ("user", "Hi")
    assert said(memory.get_all())[0] == ("assistant", "Welcome!")


def test_the_system_prompt_is_never_evicted_however_long_the_chat(engine, journal):
    memory = narrow(engine, 80)
    memory.put(system("Answer like a pirate."))
    for number in range(60):
        memory.put_messages([user(f"Number {number}?"), assistant(f"It is {number}")])
    assert memory.get()[0] == system("Answer like a pirate.")
    assert memory.get_all()[0] == system("Answer like a pirate.")
    assert not any("pirate" in page.text for page in journal.pages())
    memory.set([system("Be brief."), *memory.get_all()[1:]])
    for number in range(60):
        memory.put_messages([user(f"More {number}?"), assistant(f"It is {number}")])
    assert memory.get()[0] == system("Be brief.")
    assert "pirate" not in texts(memory.get_all())
    memory.reset()
    for number in range(30):
        memory.put_messages([user(f"Again {number}?"), assistant(f"It is {number}")])
    assert memory.get()[-1] == assistant("It is 29")
    assert "Be brief" not in texts(memory.get_all())
    assert not any(m.content == "Be brief." for m in memory.get())


def test_a_system_message_amid_the_chat_stays_in_its_place(engine):
    memory = narrow(engine, 1000)
    messages = [user("a"), assistant("b"), system("Be brief."), user("c")]
    memory.put_messages(messages)
    assert memory.get() == messages


def test_the_system_prompt_of_a_history_that_came_back_holds_for_what_follows(engine):
    memory = narrow(engine, 40)
    pirate = [system("Answer like a pirate."), user("a"), assistant("b")]
    for messages in (pirate, [system("Be brief."), user("c"), assistant("d")], pirate):
        memory.set(messages)
    for number in range(20):
        memory.put_messages([user(f"Number {number}?"), assistant(f"It is {number}")])
        assert memory.get()[0] == system("Answer like a pirate.")
        assert memory.get()[-1] == assistant(f"It is {number}")


def test_a_system_message_that_comes_with_a_question_is_no_prompt(engine):
    memory = narrow(engine, 1000)
    memory.put_messages([user("a"), assistant("b")])
    memory.put_messages([system("Be brief."), user("c")])
    assert memory.get() == [user("a"), assistant("b"), system("Be brief."), user("c")]


def test_the_system_prompt_is_never_something_somebody_said(engine):
    memory = narrow(engine, 1000)
    memory.put(system("I live in Atlantis. My name is Neptune."))
    for number in range(20):
        memory.put_messages([user(f"Number {number}?"), assistant(f"It is {number}")])
    journal = engine.memory("tom", session_id="chat")
    journal.flush()
    assert journal.knowledge() == []
    assert "Atlantis" not in journal.recall("Atlantis").text()
    assert "Atlantis" not in "".join(segment.summary for segment in journal.segments())


def test_images_are_reckoned_and_not_read(engine):
    memory = narrow(engine, 300)
    picture = ImageBlock(image=b"\x89PNG" + bytes(100_000))
    for _ in range(5):
        memory.put(ChatMessage(role="user", blocks=[TextBlock(text="Look"), picture]))
    assert len(memory.get()) == 1


def test_a_tokenizer_of_ones_own_counts_everything(engine):
    engine.memory("tom", session_id="old").add("My dog is called Biscuit", "Sweet")
    memory = narrow(engine, 400, tokenizer_fn=list)
    for number in range(40):
        memory.put(user(f"Question number {number} about the dog"))
    assert sum(len(m.content) for m in memory.get()) <= 400
    assert len(memory.get()) > 3


def test_odd_questions_do_no_harm(memory, engine):
    engine.memory("tom", session_id="old").add("My dog is called Biscuit", "Sweet")
    for odd in ("", "   ", "\x00", "\ud800", "word " * 210_000, "?!", "🐶"):
        memory.put(user(odd))
        assert memory.get()[-1] == user(odd)
        assert memory.get(odd)[-1] == user(odd)


def test_arguments(engine):
    with pytest.raises(InvalidInput, match="token_limit"):
        narrow(engine, 0)
    with pytest.raises(InvalidInput, match="memory_ratio"):
        narrow(engine, 10, memory_ratio=1.5)
    with pytest.raises(InvalidInput, match="recent_turns"):
        narrow(engine, 10, recent_turns=0)
    with pytest.raises(InvalidInput, match="engine must be"):
        MemoryOSMemory("memories.db", "tom")
    with pytest.raises(InvalidInput, match="user_id"):
        MemoryOSMemory(engine, "")
    with pytest.raises(InvalidInput, match="session_id"):
        MemoryOSMemory(engine, "tom", "")
    with pytest.raises(ValueError, match="user_id"):
        MemoryOSMemory(engine)
    with pytest.raises(ValueError, match="tokens"):
        MemoryOSMemory(engine, "tom", tokens=5)
    assert narrow(engine, 10, memory_ratio=0).memory_ratio == 0


@pytest.mark.parametrize("lone", [[assistant("More")], [call("f", "a"), result("r", "a")]])
def test_an_answer_after_a_history_that_came_back_goes_on_with_its_last_turn(engine, lone):
    memory = narrow(engine, 400)
    first = [system("Be kind."), user("Who are you?"), assistant("A pirate")]
    memory.set(first)
    memory.set([user("Other")])
    memory.set(first)
    memory.put_messages(lone)
    assert memory.get()[0] == first[0]
    assert [m for m in memory.get() if m.role != "system"] == [*first[1:], *lone]
    assert memory.get_all() == [*first, *lone]
    assert narrow(engine, 9).get()[:2] == first[:2]  # too long: the question stays


words = st.lists(st.sampled_from(["Biscuit", "Braga", "is", "my", "dog", "town"]), max_size=12).map(
    " ".join
)
step = st.one_of(
    st.builds(lambda text: [assistant(text)], words),
    st.builds(lambda text, n: [call("f", q=text), *[result(text)] * n], words, st.integers(1, 3)),
    st.builds(lambda text: [system(text)], words),
)
turn = st.builds(
    lambda question, steps: [user(question), *[m for s in steps for m in s]],
    words,
    st.lists(step, max_size=3),
)
history = st.builds(
    lambda prompt, turns: [*map(system, prompt), *[m for t in turns for m in t]],
    st.lists(words, max_size=2),
    st.lists(turn, min_size=1, max_size=8),
)


instructed = st.builds(lambda text, asked: [system(text), *asked], words, turn)
further = st.lists(st.one_of(turn, instructed, step), max_size=3)
users = count()


@given(
    history, history, st.lists(st.booleans(), max_size=2), further,
    st.integers(1, 200), st.integers(0, 200), st.booleans(),
)  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.timeout(400)  # a failure is made smaller for minutes
def test_what_get_promises_holds_for_any_history(
    engine, messages, another, before, more, limit, initial, other
):
    assume(initial <= limit)
    user_id = f"user {next(users)}"  # what an example finds is only what it has put there itself
    if other:
        engine.memory(user_id, session_id="old").add("My dog is called Biscuit", "Sweet")
    memory = MemoryOSMemory(engine, user_id, "any", limit)
    for this in before:
        memory.set(messages if this else another)
    memory.set(messages)
    for put in more:
        memory.put_messages(put)
        messages = [*messages, *put]
    got = memory.get(initial_token_count=initial)
    prompt = next(n for n, m in enumerate(messages) if m.role != "system")
    # the system prompt untouched
    assert got[:prompt] == messages[:prompt]
    rest = got[prompt:]
    block = [m for m in rest if m.content == LEAD or "## " in (m.content or "")]
    recent = rest[len(block) :]
    assert rest == [*block, *recent]
    assert all(m.role == "system" for m in block)
    # recent turns are the newest ones, and never begin with an answer
    assert recent[0].role in ("user", "system")
    if tokens(memory, messages) + initial <= limit:
        assert recent == messages[prompt:]
    # the newest message of the user is there, whatever the limit
    assert [m for m in recent if m.role == "user"][-1] == [m for m in messages if m.role == "user"][
        -1
    ]
    # no tool result without its call
    for at, m in enumerate(recent):
        if m.role == "tool":
            assert recent[at - 1].role in ("assistant", "tool")
    # within the limit, unless the prompt and the newest question alone exceed it
    used = tokens(memory, got) + initial
    assert used <= limit or len(recent) == 1
    if block:
        assert used <= limit
    assert memory.get_all() == messages
