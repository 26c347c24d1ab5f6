"""What LlamaIndex's own tests check of its memories, checked of MemoryOSMemory.

tests/memory/test_chat_memory_buffer.py (ChatMemoryBuffer), all but the two marked *:

- what is put is got, in its order
- an initial token count below the limit leaves the history as it is
- an initial token count above the limit is a ValueError of that text
- * an initial token count equal to the limit: the newest message of the user is still there (older
  versions of the buffer gave nothing)
- * no room for an answer: the user's message is left (the buffer may begin with the answer)
- older turns go first, a question together with its answer
- set replaces what was there
- the token limit cuts `get` and never `get_all`; the newest message is always got
- one message longer than the limit is returned all the same
- strings, dicts and pickles bring the memory back, with its limit

tests/memory/test_memory_base.py (Memory):

- it is initialised with limit and session; tokens of texts, images, videos, audio clips, documents,
  tool calls, thinking and citable blocks are reckoned as Memory does
- under the limit everything is there; over it the newest turns are; large tool calls count
- aput, aput_messages, aset, aget_all, areset
- the first message is the user's; a turn is not torn; a tool's result follows its call

tests/memory/test_memory_read_concurrency.py (Memory): reading while others write.

Not applicable: flush sizes and message status (nothing is flushed, the journal keeps all), chat
stores and their schemas (the engine is the store), template and insert method of memory blocks (the
block beside Memory has its own tests), the legacy key "chat_history" in a buffer's dict.
"""

from __future__ import annotations

import asyncio
import pickle
from itertools import pairwise

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    CitableBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.memory import Memory as LlamaMemory
from llama_index_doubles import assistant, roles, user

from memoryos_integrations.llama_index import MemoryOSMemory
from memoryos_integrations.llama_index.window import message_tokens

FIRST, ANSWER = user("first message"), assistant("first answer")
SECOND, SECOND_ANSWER = user("second message"), assistant("second answer")
BOTH = [FIRST, ANSWER, SECOND, SECOND_ANSWER]


@pytest.fixture
def made(engine):
    """Makes a memory as ChatMemoryBuffer.from_defaults does; each is a user's first."""
    users = iter(range(1000))

    def make(**kwargs) -> MemoryOSMemory:
        return MemoryOSMemory.from_defaults(engine, user_id=f"user {next(users)}", **kwargs)

    return make


def test_put_get(made):
    assert made(chat_history=[FIRST]).get() == [FIRST]


def test_a_small_initial_count_changes_nothing(made):
    memory = made(token_limit=1000, chat_history=[FIRST])
    assert memory.get(initial_token_count=5) == [FIRST]


def test_an_initial_count_beyond_the_limit(made):
    with pytest.raises(ValueError, match="Initial token count exceeds token limit") as error:
        made(token_limit=49).get(initial_token_count=50)
    assert str(error.value) == "Initial token count exceeds token limit"
    with pytest.raises(ValueError, match="Initial token count"):
        asyncio.run(made(token_limit=49).aget(initial_token_count=50))


def test_an_initial_count_equal_to_the_limit(made):
    assert made(token_limit=5, chat_history=[FIRST]).get(initial_token_count=5) == [FIRST]


def test_no_room_for_the_answer(made):
    assert made(token_limit=5, chat_history=[FIRST, ANSWER]).get(initial_token_count=3) == [FIRST]


@pytest.mark.parametrize(("limit", "initial"), [(5, 1), (10, 4)])
def test_older_turns_go_first_and_whole(made, limit, initial):
    memory = made(token_limit=limit, chat_history=BOTH)
    assert memory.get(initial_token_count=initial) == [SECOND, SECOND_ANSWER]


def test_set(made):
    memory = made(chat_history=[FIRST])
    memory.put(FIRST)
    assert len(memory.get()) == 2
    memory.set([FIRST])
    assert len(memory.get()) == 1


def test_max_tokens(made):
    memory = made(chat_history=[FIRST], token_limit=5)
    memory.put(FIRST)
    assert len(memory.get()) == 2
    memory.put(FIRST)
    memory.put(FIRST)
    assert len(memory.get()) == 2
    assert len(memory.get_all()) == 4
    memory.put(user("test message2"))
    assert memory.get()[-1].content == "test message2"
    assert len(memory.get()) == 2


def test_one_message_longer_than_the_limit(made):
    long = user("word " * 100)
    memory = made(token_limit=5, chat_history=[FIRST, ANSWER, long])
    assert memory.get() == [long]


def test_string_dict_and_pickle(made):
    memory = made(chat_history=[FIRST], token_limit=5)
    for back in (
        MemoryOSMemory.from_string(memory.to_string()),
        MemoryOSMemory.from_dict(memory.to_dict()),
        pickle.loads(pickle.dumps(memory)),
    ):
        assert back.get() == [FIRST]
        assert back.token_limit == 5


@pytest.mark.parametrize("limit", range(1, 30, 3))
def test_wherever_the_buffer_shows_a_question_first_so_does_this(made, limit):
    messages = BOTH * 2
    theirs = ChatMemoryBuffer.from_defaults(chat_history=messages, token_limit=limit).get()
    ours = made(chat_history=messages, token_limit=limit).get()
    if theirs[0].role == MessageRole.USER:
        assert ours == theirs
    else:
        assert ours[0].role == MessageRole.USER


# ── Memory ──


def test_initialization(engine):
    memory = MemoryOSMemory(engine, "tom", "test_user", 1000)
    assert (memory.token_limit, memory.session_id) == (1000, "test_user")


BLOCKS = {
    "text": TextBlock(text="Test message"),
    "image": ImageBlock(url="http://example.com/image.jpg"),
    "video": VideoBlock(url="http://example.com/video.mp4"),
    "audio": AudioBlock(url="http://example.com/audio.mp3"),
    "document": DocumentBlock(
        url="http://example.com/doc.pdf", document_mimetype="application/pdf"
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_tokens_as_memory_reckons_them(name):
    theirs = LlamaMemory(token_limit=1000, session_id="x")
    message = ChatMessage(role="user", blocks=[BLOCKS[name]], additional_kwargs={"a": "b"})
    count = message_tokens(message, lambda text: len(theirs.tokenizer_fn(text)))
    assert count == theirs._estimate_token_count(message)


def test_tokens_of_tool_calls_thinking_and_citable_blocks():
    def count(block) -> int:
        return message_tokens(ChatMessage(role="assistant", blocks=[block]), len)

    call = ToolCallBlock(tool_call_id="c1", tool_name="search", tool_kwargs={"q": "word " * 50})
    assert count(call) == len(call.model_dump_json())
    assert count(ThinkingBlock(content="let me reason")) == len("let me reason")
    assert count(ThinkingBlock(content="let me reason", num_tokens=7)) == 7
    inner = [TextBlock(text="hello world"), ImageBlock(url="http://example.com/image.jpg")]
    assert count(CitableBlock(title="t", source="s", content=inner)) == len("hello world") + 256


def test_large_tool_calls_count(made):
    memory = made(token_limit=50, tokenizer_fn=str.split)
    for number in range(10):
        memory.put(user("hi"))
        call = ToolCallBlock(
            tool_call_id=f"c{number}", tool_name="search", tool_kwargs={"q": "word " * 200}
        )
        memory.put(ChatMessage(role="assistant", blocks=[call]))
    assert roles(memory.get()) == ["user"]


def test_over_the_limit_the_newest_is_left(made):
    memory = made(token_limit=1000)
    memory.put_messages([user("x " * 500), assistant("y " * 500), user("z " * 500)])
    shown = memory.get()
    assert [m for m in shown if m.role != "system"] == [user("z " * 500)]
    # What had no room as a turn may be quoted, within the limit, but is no turn.
    assert sum(len(memory.tokenizer_fn(str(m.content))) for m in shown) <= 1000


def test_the_async_verbs(made):
    memory = made(token_limit=1000)
    one, two = user("Message 1"), assistant("Response 1")

    async def go() -> None:
        await memory.aput(one)
        assert await memory.aget() == [one]
        await memory.aput_messages([two, one])
        assert await memory.aget_all() == [one, two, one]
        await memory.aset([one, two])
        assert await memory.aget() == [one, two]
        await memory.areset()
        assert await memory.aget() == await memory.aget_all() == []

    asyncio.run(go())


@pytest.mark.parametrize(
    ("limit", "messages"),
    [
        (100, [user("x " * 100), assistant("ok")]),
        (200, [user("a " * 50), assistant("b " * 50), user("c " * 50), assistant("d " * 50)]),
        (
            60,
            [
                user("a " * 40),
                assistant("b " * 20),
                ChatMessage(role="tool", content="c " * 20),
                assistant("d " * 20),
            ],
        ),
        (
            40,
            [user("x " * 50), assistant("call"), ChatMessage(role="tool", content="result")],
        ),
    ],
)
def test_the_first_is_the_users_and_turns_are_whole(made, limit, messages):
    memory = made(token_limit=limit)
    memory.put_messages(messages)
    got = memory.get()
    assert got[0].role == "user"
    for before, after in pairwise(got):
        if after.role == "tool":
            assert before.role in ("assistant", "tool")
        if before.role == "user":
            assert after.role != "user"


def test_reading_while_others_write(made):
    memory = made(token_limit=1000)

    async def go() -> None:
        writes = [memory.aput(user(f"message {number}")) for number in range(20)]
        reads = [memory.aget() for _ in range(20)]
        results = await asyncio.gather(*writes, *reads)
        assert all(m.role in ("user", "system") for got in results[20:] for m in got)
        assert len(await memory.aget_all()) == 20

    asyncio.run(go())
