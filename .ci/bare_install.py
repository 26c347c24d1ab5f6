"""Run by the Python of a bare install: the engine is there, no framework and no stray name is."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys

FRAMEWORKS = ("langchain", "langgraph", "llama-index", "llama_index", "mcp", "torch", "sentence-")
STRAY = ("core", "tests", "notebooks", "benchmarks", "docs")


def main() -> int:
    """Return 0 when the environment is as promised; say what is not."""
    import memoryos  # noqa: PLC0415 - the import is what is checked

    wrong = [
        f"installed: {name}"
        for name in sorted(d.name.lower() for d in importlib.metadata.distributions())
        if name.startswith(FRAMEWORKS)
    ]
    wrong += [f"importable: {name}" for name in STRAY if importlib.util.find_spec(name)]
    version = importlib.metadata.version("memoryos-integrations")
    if memoryos.__version__ != version:
        wrong.append(f"memoryos.__version__ is {memoryos.__version__}, the wheel's is {version}")
    sys.stdout.write(
        "\n".join(wrong or [f"memoryos {version} on Python {sys.version.split()[0]}"]) + "\n"
    )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
