"""The documentation is whole: links resolve, pages match the code, both READMEs agree."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
_LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)")


def slug(heading: str) -> str:
    words = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
    return re.sub(r"[\s-]+", "-", words)


def prose(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_resolve(page: Path) -> None:
    broken = []
    for target in _LINK.findall(prose(page)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path) if path else page
        if not file.exists():
            broken.append(target)
        elif anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", prose(file), re.MULTILINE)
            if anchor not in map(slug, headings):
                broken.append(target)
    assert broken == []


def test_the_configuration_page_is_what_the_code_says() -> None:
    made = runpy.run_path(str(DOCS / "configuration.py"))["page"]()
    on_disk = (DOCS / "configuration.md").read_text("utf-8")
    assert on_disk == made, "run: python docs/configuration.py"


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    pages = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")]
    assert [page for page in pages if page not in navigation] == []


def test_pages_of_integrations_follow_langchain_s_template() -> None:
    """So that they could be listed at docs.langchain.com as they are."""
    pages = sorted((DOCS / "integrations").glob("*.md"))
    assert len(pages) == 5
    for page in pages:
        text = page.read_text("utf-8")
        assert re.match(r'---\ntitle: ".+ integration"\ndescription: ".+"\n---\n', text), page.name
        headings = re.findall(r"^##+ (.+)$", prose(page), re.MULTILINE)
        assert headings[:3] == ["Overview", "Details", "Features"], page.name
        assert headings[3:7] == ["Setup", "Credentials", "Installation", "Instantiation"], page.name
        assert headings[-1] == "API reference", page.name


def test_the_spanish_readme_has_the_same_code() -> None:
    code = re.compile(r"```\w+\n(.*?)```", re.DOTALL)
    english, spanish = (
        code.findall((ROOT / name).read_text("utf-8")) for name in ("README.md", "README.es.md")
    )
    assert [len(block.splitlines()) for block in english] == [
        len(block.splitlines()) for block in spanish
    ]
    commands = [block for block in english if "pip install" in block]
    assert all(block in spanish for block in commands)


def test_framework_examples_of_the_readme_are_short() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for name in ("LangChain", "LlamaIndex", "MCP"):
        part = readme.split(f"### {name}\n")[1].split("\n#")[0]
        blocks = re.findall(r"```\w+\n(.*?)```", part, re.DOTALL)
        assert blocks
        for block in blocks:
            assert len([line for line in block.splitlines() if line.strip()]) <= 12


def test_the_words_are_the_glossary_s() -> None:
    """The published code's words for the paper's things stay out of the documentation."""
    unwanted = re.compile(r"\b(qa_pair|meta_chain|H_segment|evict_lfu|pre_page)", re.IGNORECASE)
    pages = DOCS.rglob("*.md")
    assert [page.name for page in pages if unwanted.search(page.read_text("utf-8"))] == []


@pytest.mark.parametrize("readme", ["README.md", "README.es.md"])
def test_the_figures_of_a_readme_are_the_benchmark_s(readme: str) -> None:
    text = (ROOT / readme).read_text("utf-8")
    if "benchmarks/results/locomo.md" not in text:
        return  # none are claimed
    results = json.loads((ROOT / "benchmarks/results/locomo.json").read_text("utf-8"))
    made = runpy.run_path(str(DOCS / "figures.py"))["filled"](readme, results)
    assert text == made, "run: python docs/figures.py"
