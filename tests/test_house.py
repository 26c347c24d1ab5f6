"""The house of DESIGN section 4: its numbers, and that the import contracts hold what they say."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = ROOT / "core" / "memoryos"
LIBRARIES = (CORE, ROOT / "memoryos_integrations")
NOUNS = {"model", "config", "ports", "errors"}
MODULES = {"storage", "updating", "retrieval", "generation"}
"""The paper's four modules, which are folders, beside `tiers`."""
MOST_AT_THE_ROOT, MOST_IN_A_FOLDER = 18, 13
MOST_ARROWS, MOST_LEVELS = 60, 9
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 450, 60


def entries(folder: Path) -> list[str]:
    """What a reader sees in a folder; Python's own files aside."""
    found = (path.name for path in folder.iterdir())
    return sorted(name for name in found if not name.startswith("__") and name != "py.typed")


def folders(root: Path) -> Iterator[Path]:
    yield from (path for path in root.rglob("*") if path.is_dir() and path.name != "__pycache__")


def modules() -> list[Path]:
    return sorted(path for library in LIBRARIES for path in library.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "memoryos":
            yield from (f"memoryos.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def arrows() -> dict[str, set[str]]:
    """Who imports whom among the names at the root; arrows to the nouns are not counted."""
    names = {name.removesuffix(".py") for name in entries(CORE)}
    graph = defaultdict(set)
    for path in CORE.rglob("*.py"):
        mine = path.relative_to(CORE).parts[0].removesuffix(".py")
        for module in imported(path):
            package, _, rest = module.partition(".")
            other = rest.partition(".")[0]
            if package == "memoryos" and other in names - NOUNS - {mine}:
                graph[mine].add(other)
    return graph


def levels(graph: dict[str, set[str]]) -> int:
    """How many names stand on one another; raises CycleError where there is a cycle."""
    heights: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        heights[name] = 1 + max((heights[other] for other in graph.get(name, ())), default=0)
    return max(heights.values())


def test_the_four_modules_and_the_tiers_are_folders() -> None:
    for name in MODULES | {"tiers"}:
        assert (CORE / name / "__init__.py").is_file()
    assert {"short_term.py", "mid_term.py", "long_term.py"} <= set(entries(CORE / "tiers"))


def test_the_root_can_be_read_at_a_glance() -> None:
    assert len(entries(CORE)) <= MOST_AT_THE_ROOT, entries(CORE)


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda path: path.name)
def test_no_folder_is_a_heap(library: Path) -> None:
    heaps = {
        str(folder.relative_to(ROOT)): entries(folder)
        for folder in folders(library)
        if len(entries(folder)) > MOST_IN_A_FOLDER
    }
    assert not heaps


def test_few_arrows_and_levels_and_no_cycle() -> None:
    graph = arrows()
    assert sum(map(len, graph.values())) <= MOST_ARROWS, dict(graph)
    assert levels(graph) <= MOST_LEVELS


def test_the_nouns_import_nothing_of_ours_but_one_another() -> None:
    for noun in NOUNS:
        ours = {name for name in imported(CORE / f"{noun}.py") if name.startswith("memoryos")}
        assert ours <= {f"memoryos.{other}" for other in NOUNS}, noun


def test_no_module_is_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in modules()
        if (lines := path.read_text("utf-8").count("\n")) > MOST_LINES
    }
    assert not long


def test_no_function_is_long() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MOST_LINES_OF_A_FUNCTION
    }
    assert not long


FORBIDDEN = {
    "nothing that is forbidden": ("core/memoryos/engine.py", "import logging"),
    "an adapter that reaches behind the public names": (
        "memoryos_integrations/mcp/tools.py",
        "from memoryos.memory.modules import Modules",
    ),
    "an adapter that imports another": (
        "memoryos_integrations/mcp/tools.py",
        "import memoryos_integrations.langgraph",
    ),
    "storage that imports what is above it": (
        "core/memoryos/storage/journal.py",
        "import memoryos.retrieval.views",
    ),
    "a tier that reads the clock": ("core/memoryos/tiers/mid_term.py", "import time"),
    "a framework in the core": ("core/memoryos/engine.py", "import langchain_core"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_contracts_see(what: str, tmp_path: Path) -> None:
    """A forbidden import in a copy makes the linter fail: so none passes unseen."""
    for library in ("core", "memoryos_integrations"):
        shutil.copytree(
            ROOT / library, tmp_path / library, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    name, line = FORBIDDEN[what]
    path = tmp_path / name
    path.write_text(path.read_text("utf-8") + f"\n{line}\n", "utf-8")
    command = (
        "import sys; sys.path[:0] = ['core', '.']; "
        "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    broken = what != "nothing that is forbidden"
    assert done.returncode == broken, done.stdout + done.stderr
    assert ("BROKEN" in done.stdout) == broken
