"""What can be imported with what installed."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

import memoryos_integrations.langchain as adapter
from memoryos.errors import MissingExtra

BLOCK = """
import sys
from importlib.abc import MetaPathFinder

class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""

CORE_ALONE = """
from memoryos import Engine
from memoryos.errors import MissingExtra
from memoryos_integrations.langchain import (
    MemoryOSChatMessageHistory, MemoryOSRetriever, create_memory_tools, from_langchain)
import memoryos_integrations.langchain as adapter

with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
    MemoryOSChatMessageHistory(engine, "tom").add_user_message("My cat is called Minka.")
    assert MemoryOSChatMessageHistory(engine, "tom").messages[0].text == "My cat is called Minka."
    assert "Minka" in MemoryOSRetriever(engine, "tom").invoke("cat")[0].page_content
    for tool in create_memory_tools(engine, "tom"):
        assert tool.name in ("remember", "recall", "forget", "correct", "list_known")
    assert "Minka" in create_memory_tools(engine, "tom")[1].invoke({"query": "cat"})
for name in ("MemoryOSChatMemory", "MemoryOSMiddleware"):
    try:
        getattr(adapter, name)
    except MissingExtra as error:
        assert str(error).startswith(f"{name} needs an extra: pip install"), error
        assert "[langchain]'" in str(error)
    else:
        raise AssertionError(name)
try:
    import memoryos_integrations.langgraph
except MissingExtra as error:
    assert "[langgraph]'" in str(error)
else:
    raise AssertionError("langgraph")
import sys
loaded = {name.split(".")[0] for name in sys.modules}
assert not loaded & {"langchain", "langchain_classic", "langgraph"}, loaded
"""


def run(code: str, python: str = sys.executable) -> None:
    found = subprocess.run(
        [python, "-W", "error::DeprecationWarning:memoryos", "-c", code],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert found.returncode == 0, found.stderr


def test_all_names_are_there() -> None:
    for name in adapter.__all__:
        assert getattr(adapter, name).__name__ == name
    assert set(adapter.__all__) <= set(dir(adapter))
    with pytest.raises(AttributeError, match="NoSuchName"):
        _ = adapter.NoSuchName


def test_importing_the_package_imports_no_framework() -> None:
    run(
        "import sys, memoryos_integrations, memoryos_integrations.langchain\n"
        "assert not [n for n in sys.modules if n.startswith(('langchain', 'langgraph'))]"
    )


def test_with_langchain_core_alone() -> None:
    blocked = ["langchain", "langchain_classic", "langgraph"]
    run(BLOCK.format(blocked=blocked) + CORE_ALONE)


def test_with_nothing_every_name_says_what_to_install() -> None:
    code = """
import memoryos_integrations.langchain as adapter
from memoryos.errors import MissingExtra
for name in adapter.__all__:
    try:
        getattr(adapter, name)
    except MissingExtra as error:
        assert "[langchain]'" in str(error)
    else:
        raise AssertionError(name)
"""
    run(BLOCK.format(blocked=["langchain_core", "langchain", "langgraph"]) + code)


def test_an_error_of_our_own_is_not_called_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ImportError("cannot import name 'x'", name="memoryos_integrations.langchain.tools")

    monkeypatch.setattr(adapter, "import_module", broken)
    monkeypatch.delitem(vars(adapter), "create_memory_tools", raising=False)
    with pytest.raises(ImportError) as caught:
        _ = adapter.create_memory_tools
    assert not isinstance(caught.value, MissingExtra)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_in_an_environment_with_nothing_but_langchain_core(root: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=True)
    python = str(tmp_path / "bare" / "bin" / "python")
    wanted = ["--no-compile", str(root), "langchain-core>=1,<2"]
    subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True, timeout=500)
    run(CORE_ALONE, python)
