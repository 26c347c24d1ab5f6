"""What is wrong in LoCoMo itself, by ids: its text is not repeated here."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.locomo.data import CATEGORIES, Conversation, Question
from memoryos.errors import InvalidInput

AUDIT = "https://github.com/dial481/locomo-audit"
AUDITED_ERRORS = {1: (28, 282), 2: (26, 321), 3: (9, 96), 4: (36, 841)}
"""Questions of each category whose published answer the audit found wrong, and all of them."""

_HARMLESS = "WRONG_CITATION"
_TURN_ID = re.compile(r"D\d+:\d+")


def published_audit() -> str:
    """Return what an audit of the published answers found, in one paragraph."""
    wrong = sum(errors for errors, _ in AUDITED_ERRORS.values())
    total = sum(questions for _, questions in AUDITED_ERRORS.values())
    by_category = ", ".join(
        f"{CATEGORIES[category]} {errors} of {questions}"
        for category, (errors, questions) in AUDITED_ERRORS.items()
    )
    return (
        f"An audit ({AUDIT}) found {wrong} of {total:,} published answers wrong ({by_category}): "
        "invented facts 33, wrong dates 26, the wrong speaker 24, ambiguous 13, incomplete 3; and "
        "57 more with the wrong evidence cited. No answer score above "
        f"{1 - wrong / total:.1%} can be honest, and evidence recall has a ceiling of its own. "
        "Questions are not taken out here, so that figures compare with others'; "
        "`--audit FOLDER` (a checkout's `audit/`) adds scores without them."
    )


def broken_evidence(conversations: Sequence[Conversation]) -> dict[str, str]:
    """Return, by question, what cannot be read of the evidence that the file cites."""
    found = {}
    for conversation in conversations:
        known = {turn.id for page in conversation.pages for turn in page.turns}
        for question in conversation.questions:
            problem = _problem(question, known)
            if problem:
                found[question.id] = problem
    return found


def _problem(question: Question, known: set[str]) -> str:
    if not question.cited:
        return "cites none"
    problems = []
    for cited in question.cited:
        ids = _TURN_ID.findall(cited)
        if ids == [cited] and cited not in known:
            problems.append(f"no turn {cited}")
        elif ids != [cited]:
            problems.append(f"“{cited}”")
    return ", ".join(problems)


def audited(folder: Path) -> dict[str, str]:
    """Return, by question, the kind of error in its answer, from the audit's errors_conv_*.json.

    The audit numbers the answerable questions of a conversation in the order of the file, as this
    benchmark does. Raises InvalidInput.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.glob("errors_conv_*.json")):
        errors: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        for error in errors:
            match = re.fullmatch(r"locomo_(\d+)_qa(\d+)", error["question_id"])
            if match and error["error_type"] != _HARMLESS:
                found[f"{match[1]}:{match[2]}"] = error["error_type"]
    if not found:
        raise InvalidInput(f"--audit: no errors_conv_*.json in {folder}; see {AUDIT}")
    return found
