"""What a doctor found."""

from __future__ import annotations

from dataclasses import dataclass

from memoryos.model import Scope
from memoryos.text.counts import counted


@dataclass(frozen=True, slots=True)
class Finding:
    """One inconsistency."""

    what: str
    """The kind of finding: "orphan", "duplicate fact", "vector", "terms", "lease", "waiting"…"""
    detail: str
    """In words and ids; no text of the memory."""
    scope: Scope | None = None
    """Whose memory; None for the store itself."""
    repairable: bool = True
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """Findings of a doctor."""

    findings: tuple[Finding, ...]
    scopes: int
    pages: int
    duplicate_pages: int
    """Pages that say word for word what an older one of their scope says."""
    knowledge: int
    duplicate_knowledge: int
    stale_knowledge: int
    """Archived or superseded, or with a quote that its page no longer says."""

    @property
    def healthy(self) -> bool:
        """Whether nothing is left to repair."""
        return all(finding.repaired for finding in self.findings)

    @property
    def text(self) -> str:
        """The report in words."""
        lines = [
            f"{item.what}: {item.detail}{' (repaired)' if item.repaired else ''}"
            for item in self.findings
        ]
        scopes, pages = counted(self.scopes, "scope"), counted(self.pages, "page")
        lines += [
            f"{scopes}, {pages}, {counted(self.knowledge, 'fact')}",
            f"duplicate pages: {_share(self.duplicate_pages, self.pages)}",
            f"duplicate facts: {_share(self.duplicate_knowledge, self.knowledge)}",
            f"stale facts: {_share(self.stale_knowledge, self.knowledge)}",
        ]
        return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "0%"
