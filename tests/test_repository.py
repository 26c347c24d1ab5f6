"""What must hold of the repository itself: packaging, layers that imports cannot show, hygiene."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import os
import pkgutil
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

DISTRIBUTION = "memoryos-integrations"
ROOT = Path(__file__).parent.parent
LIBRARIES = (ROOT / "core" / "memoryos", ROOT / "memoryos_integrations")
FRAMEWORKS = ("langchain", "langgraph", "llama-index", "mcp", "torch", "sentence-transformers")
EXTRAS = {
    "files": "anthropic",
    "langchain": "langchain",
    "langgraph": "langgraph",
    "llama_index": "llama-index",
    "mcp": "mcp",
    "openai_agents": "openai-agents",
    "opentelemetry": "otel",
}
"""Each adapter with the one extra that it may need."""


def library_files() -> list[Path]:
    return [path for folder in LIBRARIES for path in sorted(folder.rglob("*.py"))]


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions_of(extra: str) -> set[str]:
    """Every distribution that pip installs for the bare install and `extra`, names normalised."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [(DISTRIBUTION, frozenset({"", extra}))]
    while waiting:
        name, extras = asked = waiting.pop()
        if asked in found:
            continue
        found.add(asked)
        try:
            lines = importlib.metadata.requires(name) or ()
        except importlib.metadata.PackageNotFoundError:
            if name == DISTRIBUTION:
                raise
            continue  # an extra of a dependency's that nobody asked for, or for another system
        for requirement in map(Requirement, lines):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": one}) for one in extras):
                waiting.append((normalised(requirement.name), frozenset({"", *requirement.extras})))
    return {name for name, _ in found}


def python(code: str, folder: Path) -> str:
    """What a fresh Python prints that stands in `folder` and knows only what is installed."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ── What an install makes importable ─────────────────────────────────────────────────────────────


def test_an_install_makes_only_the_two_packages_importable(tmp_path: Path) -> None:
    names = (
        "memoryos",
        "memoryos_integrations",
        "core",
        "tests",
        "notebooks",
        "benchmarks",
        "docs",
    )
    code = f"from importlib.util import find_spec; print(*[n for n in {names} if find_spec(n)])"
    assert python(code, tmp_path) == "memoryos memoryos_integrations"


def test_importing_the_core_is_cheap(tmp_path: Path) -> None:
    heavy = "faiss", "numpy", "openai", "pydantic", "rich", "sqlite3", "tiktoken", "typer"
    code = f"import sys, memoryos; print(*[n for n in {heavy} if n in sys.modules])"
    assert python(code, tmp_path) == ""


def test_an_engine_without_a_model_imports_no_client(tmp_path: Path) -> None:
    code = (
        "import sys; from memoryos import Engine\n"
        "with Engine.open('sqlite:///m.db') as engine: engine.memory('tom').add('hello', 'hi')\n"
        "print(*[n for n in ('openai', 'httpx', 'httpx2', 'httpcore2') if n in sys.modules])"
    )
    assert python(code, tmp_path) == ""


def test_the_bare_install_brings_no_framework() -> None:
    assert [name for name in distributions_of("") if name.startswith(FRAMEWORKS)] == []


def test_the_dev_extra_brings_no_torch() -> None:
    assert distributions_of("dev") & {"torch", "sentence-transformers"} == set()


def test_the_extras_are_those_that_the_documentation_names() -> None:
    extras = importlib.metadata.metadata(DISTRIBUTION).get_all("Provides-Extra")
    assert sorted(extras or ()) == [
        "all",
        "anthropic",
        "bench",
        "deepagents",
        "dev",
        "fastembed",
        "langchain",
        "langgraph",
        "llama-index",
        "mcp",
        "notebooks",
        "openai-agents",
        "otel",
        "postgres",
        "sentence-transformers",
        "ui",
    ]


ALONE = """
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"not installed here: {{name}}", name=name)

sys.meta_path.insert(0, Absent())
importlib.import_module("memoryos_integrations.{adapter}")
"""


def test_an_adapter_imports_with_only_its_own_extra(tmp_path: Path) -> None:
    owners = importlib.metadata.packages_distributions()
    for module in pkgutil.iter_modules([str(LIBRARIES[1])]):
        present = distributions_of(EXTRAS[module.name])
        absent = {name for name, of in owners.items() if not present & set(map(normalised, of))}
        python(ALONE.format(absent=absent, adapter=module.name), tmp_path)


# ── What is in the distribution ──────────────────────────────────────────────────────────────────


def test_the_version_is_said_once() -> None:
    import memoryos  # noqa: PLC0415 - so that the other tests run where it does not import

    declared = re.search(
        r'^version = "(.+?)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert declared
    assert memoryos.__version__ == importlib.metadata.version(DISTRIBUTION) == declared[1]


@pytest.mark.parametrize("package", LIBRARIES, ids=lambda path: path.name)
def test_a_package_ships_its_types(package: Path) -> None:
    assert (package / "py.typed").is_file()


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in library_files()}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_wheel_holds_the_packages_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    done = subprocess.run([*build, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "core/memoryos", "memoryos_integrations"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    tracked = {name.removeprefix("core/") for name in names}
    assert tracked - inside == set()
    assert {name.partition("/")[0] for name in inside} == {"memoryos", "memoryos_integrations"}


def test_the_citation_and_the_changelog_know_the_version() -> None:
    version = importlib.metadata.version(DISTRIBUTION)
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {version}\n" in citation
    assert "arXiv:2506.06326" in citation
    assert f"\n## [{version}] - " in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_workflows_run_what_runs_here_with_pinned_actions_and_few_rights() -> None:
    workflows = {
        path.stem: path.read_text("utf-8") for path in (ROOT / ".github/workflows").glob("*.yml")
    }
    assert re.search(r"run: .*\.ci/run$", workflows["ci"], re.MULTILINE)
    assert "pypa/gh-action-pypi-publish@" in workflows["release"]
    assert "attest-build-provenance@" in workflows["release"]
    for text in workflows.values():
        uses = re.findall(r"uses: (\S+)", text)
        assert uses
        assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in uses)
        assert "\npermissions: {}\n" in text
        assert "secrets." not in text


def test_contributing_lists_the_steps_of_ci() -> None:
    steps = re.findall(r"^ +step (\w+) ", (ROOT / ".ci/run").read_text("utf-8"), re.MULTILINE)
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert len(steps) > 10
    assert [step for step in steps if f"`{step}`" not in contributing] == []


def test_adapters_tell_of_another_memoryos(tmp_path: Path) -> None:
    (tmp_path / "memoryos.py").write_text("class Memoryos: pass")
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "try: import memoryos_integrations.langchain\n"
        "except ImportError as error: print(error)"
    )
    assert "pip uninstall --yes memoryos-pro" in python(code, tmp_path)


# ── What the README says ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "command", ["pip install -e . && memoryos demo", "pip install -e '.[dev]' && pytest -n auto"]
)
def test_the_readme_gives_the_command_on_a_line_of_its_own(command: str) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", readme, re.DOTALL)
    assert command in "".join(blocks).splitlines()


# ── Hygiene of the code ──────────────────────────────────────────────────────────────────────────


def python_files() -> Iterator[Path]:
    yield from library_files()
    for folder in ("tests", "benchmarks", "docs"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_a_file_can_be_read_in_one_sitting() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in python_files()}
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > 450} == {}


def test_libraries_do_not_print() -> None:
    prints = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in library_files()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert prints == []


def test_rules_are_told_the_time() -> None:
    """`now` is an argument of tiers, model and prompts; import-linter cannot see datetime.now()."""
    core = LIBRARIES[0]
    pure = [
        core / "model.py",
        *(core / "tiers").rglob("*.py"),
        *(core / "updating/analysts/prompts").rglob("*.py"),
    ]
    assert {path.name for path in pure} > {"model.py", "mid_term.py", "promote.py"}
    asks = re.compile(r"\.(now|utcnow|today)\(")
    assert [path.name for path in pure if asks.search(path.read_text("utf-8"))] == []


WORDS_AT_ONCE = 8


def test_no_text_of_locomo_is_committed() -> None:
    """Its licence forbids it. The list holds hashes of eight words of each session and question."""
    known = set((ROOT / "tests" / "locomo_hashes.txt").read_text("ascii").split())
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = []
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        if not name or not path.is_file():  # deleted in the working tree, not yet committed
            continue
        words = re.findall(rb"[a-z0-9]+", path.read_bytes().lower())
        for start in range(len(words) - WORDS_AT_ONCE + 1):
            shingle = b" ".join(words[start : start + WORDS_AT_ONCE])
            if hashlib.sha256(shingle).hexdigest()[:12] in known:
                found.append(name)
                break
    assert found == []
