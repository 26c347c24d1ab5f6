"""placeholder"""
from memoryos.model import Page
from memoryos.ports import FactDraft
def statements(page: Page, language: str | None = None) -> tuple[FactDraft, ...]:
    return ()
