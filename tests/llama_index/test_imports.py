"""What the import costs and needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import memoryos_integrations.llama_index as ours

BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "llama_index" and ({whole} or name.startswith("llama_index.core")):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("whole", [True, False])
def test_without_llama_index_the_error_names_the_extra(whole):
    done = python(
        BLOCKED.format(whole=whole)
        + "from memoryos.errors import MissingExtra\n"
        + "try:\n import memoryos_integrations.llama_index\n"
        + "except MissingExtra as error:\n print(error)"
    )
    assert "needs an extra: pip install" in done.stdout, done.stderr
    assert "[llama-index]'" in done.stdout


def test_importing_the_package_does_not_import_the_framework():
    done = python(
        "import sys, memoryos_integrations.llama_index as m\n"
        "print([n for n in sys.modules if n.startswith('llama_index.core.')], dir(m))"
    )
    assert done.stdout.startswith("[] ["), done.stderr
    assert "MemoryOSMemory" in done.stdout


def test_every_public_name_is_there():
    assert ours.__all__ == sorted(ours.__all__) == [*ours._HOMES]
    for name in ours.__all__:
        assert getattr(ours, name).__module__.startswith("memoryos_integrations.llama_index.")
    with pytest.raises(AttributeError, match="Nothing"):
        ours.Nothing  # noqa: B018
