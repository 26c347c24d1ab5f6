"""`memoryos chat` in a real terminal."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pexpect
import pytest

from memoryos.testing.openai_server import OpenAIServer, Reply

Run = Callable[..., Any]
Chat = Callable[..., Any]
CTRL_C, CTRL_D = "\x03", "\x04"


@pytest.fixture
def chat(environment: dict[str, str], tmp_path: Path) -> Chat:
    """Open a chat in a terminal of its own."""

    @contextmanager
    def open_it(*arguments: str, **more: str) -> Iterator[pexpect.spawn]:
        terminal = pexpect.spawn(
            sys.executable,
            ["-m", "memoryos", "chat", *arguments],
            cwd=str(tmp_path),
            env={**os.environ, **environment, "NO_COLOR": "1", **more},
            encoding="utf-8",
            timeout=30,
            dimensions=(40, 120),
            # A job in the background of a script ignores Ctrl-C, and so do its children.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        try:
            terminal.expect("you> ")
            yield terminal
        finally:
            terminal.close(force=True)

    return open_it


def say(terminal: Any, line: str, *expected: str) -> str:
    """Type a line; wait for what is expected, in order, and the next prompt; return all of it."""
    terminal.sendline(line)
    seen = ""
    for text in expected:
        terminal.expect_exact(text)
        seen += terminal.before + terminal.after
    terminal.expect_exact("you> ")
    return seen + str(terminal.before)


def end(terminal: Any, keys: str = "/quit\n") -> None:
    terminal.send(keys)
    terminal.expect(pexpect.EOF)
    terminal.wait()
    assert terminal.exitstatus == 0


def test_without_a_model_it_quotes_the_memory(chat: Chat, run: Run) -> None:
    with chat("--user", "tom") as terminal:
        say(
            terminal,
            "Hi! I'm Tom, I work as a data scientist in San Francisco.",
            "remember nothing",
        )
        say(terminal, "What do you remember about my work?", "data scientist in San Francisco")
        say(terminal, "/help", "/recall QUESTION", "/quit")
        say(terminal, "/recall scientist", "words:")
        say(terminal, "/profile", "“Hi! I'm Tom, I work as a data scientist", "user, 20")
        say(terminal, "/heat", "about")
        say(terminal, "/nonsense", "error: there is no /nonsense")
        say(terminal, "/recall", "error: say what to recall")
        say(terminal, "/explain k0", "error:")
        say(terminal, "")
        end(terminal)
    (stats,) = run("stats", "--json").json
    assert (stats["user_id"], stats["pages"]) == ("tom", 2)


def test_editing_keys_and_forgetting_while_talking(chat: Chat, run: Run) -> None:
    with chat() as terminal:
        say(terminal, "my cat is Milo", "memoryos>")
        terminal.send("\x1b[A")  # the line before
        terminal.expect_exact("my cat is Milo")
        terminal.send("\x15")  # away with it
        say(terminal, "first thing", "memoryos>")
        say(terminal, "second thing", "memoryos>")
        terminal.sendline("/forget")
        terminal.expect_exact("the last turn: second thing")
        terminal.expect_exact("[y/N] ")
        say(terminal, "n", "nothing was forgotten")
        terminal.sendline("/forget")
        terminal.expect_exact("[y/N] ")
        say(terminal, "y", "Receipt")
        say(terminal, "/forget something", "error:")
        terminal.sendline("/forget everything")
        terminal.expect_exact("[y/N] ")
        say(terminal, "y", "Receipt")
        end(terminal, CTRL_D)
    assert run("pages", "--user", "me", "--json").json == []


def test_a_model_streams_then_is_stopped_then_is_away(chat: Chat, run: Run) -> None:
    run("add", "I live in Lisbon", "Nice", "--user", "tom")
    with (
        OpenAIServer(chat="You live in Lisbon, I recall.") as server,
        chat("--model", "any", "--base-url", server.url) as terminal,
    ):
        # It streams, and is told what is remembered.
        say(terminal, "Where do I live?", "You live in Lisbon, I recall.")
        asked = server.requests[0].body
        assert "I live in Lisbon" in json.dumps(asked)
        assert asked["stream"] is True
        # Ctrl-C stops the answer and not the chat.
        before = len(server.requests)
        server.chat = Reply("a very long answer", delay=20)
        terminal.sendline("tell me a story")
        terminal.expect_exact("memoryos> ")
        while len(server.requests) == before:
            time.sleep(0.02)
        terminal.send(CTRL_C)
        terminal.expect_exact("(stopped)")
        terminal.expect_exact("you> ")
        terminal.send(CTRL_C)
        terminal.expect_exact("Ctrl-D ends")
        terminal.expect_exact("you> ")
        # A model that is down is one red line.
        server.close()
        assert "Traceback" not in say(terminal, "hello?", "error:")
        end(terminal)
    _, known, stopped, failed = run("pages", "--json").json
    assert known["agent_response"] == "You live in Lisbon, I recall."
    assert stopped["metadata"]["incomplete"] is True
    assert failed["user_input"] == "hello?"  # what the user said is kept


def test_input_from_a_pipe(run: Run) -> None:
    done = run("chat", stdin="I live in Lisbon\nWhere do I live? Lisbon?\n/quit\n")
    assert done.code == 0
    assert "I live in Lisbon" in done.out
