"""Paths of files: absolute, with forward slashes, and never out of their root."""

from __future__ import annotations

import unicodedata

from memoryos.errors import InvalidInput

_MOST_CHARACTERS = 1024


class FileProblem(InvalidInput):
    """What was asked of a file cannot be done; the message is fit for a model to read."""


def checked_path(path: object) -> str:
    """Return a path in its one form ("/notes/a.md"; "/" is the root). Raises FileProblem.

    No path is ever one of the operating system: it is a name within one user's memory. What would
    lead out of that on a disk is refused all the same, as a model that tries it is astray.
    """
    if not isinstance(path, str) or not path.startswith("/"):
        raise FileProblem(f"the path must begin with '/', such as '/notes.md', not {path!r}")
    if len(path) > _MOST_CHARACTERS:
        raise FileProblem(f"the path has {len(path)} characters, at most {_MOST_CHARACTERS} may be")
    if "\\" in path or any(unicodedata.category(sign) in ("Cc", "Cs", "Cf") for sign in path):
        raise FileProblem(f"the path {path!r} has a backslash or an invisible character")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    lowered = path.lower()
    if ".." in parts or "~" in parts[:1] or "%2e" in lowered or "%2f" in lowered:
        raise FileProblem(f"the path {path!r} leads out of the memory")
    return "/" + "/".join(parts)


def is_under(path: str, directory: str) -> bool:
    """Return whether a path is a directory itself or lies in it, at any depth."""
    return directory in ("/", path) or path.startswith(directory + "/")
