"""The committed notebooks read well as they are; `.ci/run` executes them."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
WIDEST = 100
"""Characters of a line of code before a code host cuts it off."""


def cells(path: Path, kind: str) -> list[Any]:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def outputs(path: Path) -> list[Any]:
    return [output for cell in cells(path, "code") for output in cell.outputs]


def test_there_are_the_five() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_quickstart",
        "02_langchain_agent",
        "03_llamaindex_chat_engine",
        "04_inside_the_tiers",
        "05_benchmark",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_was_run_from_first_cell_to_last_without_an_error(path: Path) -> None:
    code = cells(path, "code")
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert [o for o in outputs(path) if o.output_type == "error"] == []
    assert [o.text for o in outputs(path) if o.get("name") == "stderr"] == []
    assert len(outputs(path)) >= 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_code_fits_the_page_and_its_text_is_not_cut(path: Path) -> None:
    for cell in cells(path, "code"):
        ast.parse(cell.source)
        assert max(map(len, cell.source.splitlines()), default=0) <= WIDEST, cell.source
    assert path.stat().st_size < 600_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_in_it_names_this_machine_or_runs_a_script(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"/work/|/root/|/home/|/tmp/", text)
    assert "<script" not in text.replace("&lt;script", "")
    for output in outputs(path):
        assert "url(" not in output.get("data", {}).get("text/html", "")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_without_a_key(path: Path) -> None:
    """A model is only asked where a key is there."""
    source = "\n".join(cell.source for cell in cells(path, "code"))
    if "gpt-" in source:
        assert '"OPENAI_API_KEY" in os.environ' in source
