"""The benchmarks are not installed: their tests find them in the checkout."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[2]))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A file in LoCoMo's format, with invented people."""

    def turn(number: int, speaker: str, text: str, caption: str | None = None) -> dict[str, Any]:
        found = {"dia_id": f"D{number}", "speaker": speaker, "text": text}
        return found | ({"blip_caption": caption} if caption else {})

    conversation = {
        "speaker_a": "Ada",
        "speaker_b": "Ben",
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            turn("1:1", "Ada", "I adopted a tortoise called Pebble yesterday."),
            turn("1:2", "Ben", "What a good name!", "a tortoise on a lawn"),
            turn("1:3", "Ada", "She eats dandelions."),
        ],
        "session_2_date_time": "10:05 am on 2 June, 2023",
        "session_2": [
            turn("2:1", "Ben", "I start as a baker in Bergen on Monday."),
            turn("2:2", "Ada", "Congratulations on the bakery."),
        ],
    }
    questions = [
        ("What is Ada's tortoise called?", "Pebble", 4, ["D1:1"]),
        ("When did Ada adopt a tortoise?", "7 May 2023", 2, ["D1:1"]),
        ("Where and as what does Ben work?", "Bergen, as a baker", 1, ["D2:1; D1:2"]),
        ("Would Ada like a lawn?", "Yes; for the dandelions", 3, ["D9:9"]),
        ("What is Ben's cat called?", None, 5, ["D1:1"]),
    ]
    qa = [
        {"question": q, "category": c, "evidence": e} | ({} if a is None else {"answer": a})
        for q, a, c, e in questions
    ]
    path = tmp_path / "invented.json"
    path.write_text(json.dumps([{"conversation": conversation, "qa": qa}]), encoding="utf-8")
    return path
