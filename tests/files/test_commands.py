"""The six commands of Claude's memory tool, as its specification and its habits want them."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.lib.tools import ToolError

from memoryos import Engine
from memoryos_integrations.files import (
    AsyncClaudeMemoryTool,
    ClaudeMemoryTool,
    FileProblem,
    Files,
    MemoryCommands,
)


@pytest.fixture
def run(files: Files) -> Any:
    commands = MemoryCommands(files)
    return lambda command, **more: commands.run({"command": command, **more})


def test_a_session_of_claude(run: Any, files: Files) -> None:
    assert "/memories" in run("view", path="/memories")
    run("create", path="/memories/tom/food.md", file_text="likes ramen\nhates figs\n")
    assert files.read("/tom/food.md").content == "likes ramen\nhates figs\n"
    shown = run("view", path="/memories/tom/food.md")
    assert "     1\tlikes ramen\n     2\thates figs" in shown
    assert "hates" not in run("view", path="/memories/tom/food.md", view_range=[1, 1])
    assert "hates" in run("view", path="/memories/tom/food.md", view_range=[2, -1])
    answer = run("str_replace", path="/memories/tom/food.md", old_str="figs", new_str="olives")
    assert "     2\thates olives" in answer
    run("insert", path="/memories/tom/food.md", insert_line=1, insert_text="drinks tea\n")
    assert files.read("/tom/food.md").content == "likes ramen\ndrinks tea\nhates olives\n"
    run("insert", path="/memories/tom/food.md", insert_line=0, insert_text="# Food")
    run("insert", path="/memories/tom/food.md", insert_line=4, insert_text="end")
    assert files.read("/tom/food.md").content.splitlines()[::4] == ["# Food", "end"]
    run("rename", old_path="/memories/tom", new_path="/memories/people/tom")
    listing = run("view", path="/memories")
    assert "/memories/people/" in listing
    assert "/memories/people/tom/" in listing
    assert "food.md" not in listing  # three levels deep
    assert "/memories/people/tom/food.md" in run("view", path="/memories/people/tom")
    run("delete", path="/memories/people")
    assert files.under() == []


def test_str_replace_wants_one_place(run: Any, files: Files) -> None:
    run("create", path="/memories/a", file_text="x\ny\nx\nx")
    with pytest.raises(FileProblem, match=r"3 times .* lines 1, 3, 4"):
        run("str_replace", path="/memories/a", old_str="x", new_str="z")
    with pytest.raises(FileProblem, match="word for word"):
        run("str_replace", path="/memories/a", old_str="q", new_str="z")
    run("str_replace", path="/memories/a", old_str="y\n")
    assert files.read("/a").content == "x\nx\nx"


@pytest.mark.parametrize(
    "command",
    [
        {"command": "view", "path": "/etc/passwd"},
        {"command": "view", "path": "/memories/../etc"},
        {"command": "view", "path": "/memories/%2e%2e/etc"},
        {"command": "view", "path": "/memories2/x"},
        {"command": "view", "path": "memories/x"},
        {"command": "view", "path": "/memories/none"},
        {"command": "view", "path": "/memories", "view_range": [1, 2]},
        {"command": "view", "path": "/memories/a", "view_range": [9, 12]},
        {"command": "view", "path": "/memories/a", "view_range": [2]},
        {"command": "view", "path": "/memories/a", "view_range": ["1", "2"]},
        {"command": "view", "path": "/memories/photo"},
        {"command": "view"},
        {"command": "create", "path": "/memories/a", "file_text": "again"},
        {"command": "create", "path": "/memories", "file_text": "x"},
        {"command": "create", "path": "/memories/b", "file_text": "a\x00"},
        {"command": "create", "path": "/memories/b", "file_text": "x" * 1_000_001},
        {"command": "create", "path": "/memories/b"},
        {"command": "str_replace", "path": "/memories/a", "old_str": "", "new_str": "x"},
        {"command": "str_replace", "path": "/memories/photo", "old_str": "A", "new_str": "x"},
        {"command": "insert", "path": "/memories/a", "insert_line": 3, "insert_text": "x"},
        {"command": "insert", "path": "/memories/a", "insert_line": -1, "insert_text": "x"},
        {"command": "insert", "path": "/memories/a", "insert_line": True, "insert_text": "x"},
        {"command": "delete", "path": "/memories"},
        {"command": "delete", "path": "/memories/none"},
        {"command": "rename", "old_path": "/memories", "new_path": "/memories/x"},
        {"command": "rename", "old_path": "/memories/a", "new_path": "/memories/photo"},
        {"command": "rename", "old_path": "/memories/a", "new_path": "/elsewhere"},
        {"command": "format", "path": "/memories"},
        {},
        "view",
    ],
)
def test_what_cannot_be_done_is_told(files: Files, command: Any) -> None:
    files.write("/a", "1\n2")
    files.write("/photo", b"\xff\xfe\x00")
    with pytest.raises(FileProblem) as told:
        MemoryCommands(files).run(command)
    assert len(str(told.value)) > 15
    assert [f.path for f in files.under()] == ["/a", "/photo"]
    assert files.read("/a").content == "1\n2"


def test_a_long_file_is_shown_in_parts(run: Any) -> None:
    run("create", path="/memories/long", file_text="\n".join(f"line {n}" for n in range(1, 5001)))
    shown = run("view", path="/memories/long")
    assert len(shown) < 20_000
    assert "5000 lines" in shown
    assert "line 4999" in run("view", path="/memories/long", view_range=[4990, -1])
    run("create", path="/memories/wide", file_text="w" * 500_000)
    assert len(run("view", path="/memories/wide")) < 20_000


def test_hidden_files_and_sizes(run: Any, files: Files) -> None:
    files.write("/.secret", "x")
    files.write("/big", "x" * 1536)
    listing = run("view", path="/memories")
    assert ".secret" not in listing
    assert "1.5K\t/memories/big" in listing


# ── for the anthropic SDK ────────────────────────────────────────────────────────────────────────


async def test_the_sdks_tool(files: Files) -> None:
    tool = ClaudeMemoryTool(files)
    assert tool.to_dict() == {"type": "memory_20250818", "name": "memory"}
    # As its runner calls it, with the input of a block.
    tool.call({"command": "create", "path": "/memories/a", "file_text": "tea"})
    assert "tea" in str(tool.call({"command": "view", "path": "/memories/a"}))
    with pytest.raises(ToolError, match="leads out"):
        tool.call({"command": "view", "path": "/memories/../a"})
    with pytest.raises(ToolError):
        tool.call({"command": "view"})
    other = AsyncClaudeMemoryTool(files)
    await other.call({"command": "rename", "old_path": "/memories/a", "new_path": "/memories/b"})
    with pytest.raises(ToolError):
        await other.call({"command": "view", "path": "/memories/a"})
    await other.clear_all_memory()
    assert files.under() == []
    tool.clear_all_memory()


def test_two_users_have_two_memories(engine: Engine) -> None:
    tom, eve = (MemoryCommands(Files(engine, user)) for user in ("tom", "eve"))
    tom.run({"command": "create", "path": "/memories/a", "file_text": "Tom's"})
    with pytest.raises(FileProblem, match="does not exist"):
        eve.run({"command": "view", "path": "/memories/a"})
