"""The conversation that `memoryos demo` plays: Tom, in English, and one turn in Spanish."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """What Tom says, what the agent answers, and how many days ago."""

    said: str
    answered: str
    days_ago: float


WORK = (
    Turn(
        "Hi! I'm Tom, I work as a data scientist in San Francisco.",
        "Hello Tom! What data does a data scientist in San Francisco look at?",
        21,
    ),
    Turn(
        "Sensor data of wind turbines: I tell when a turbine will fail.",
        "So the sensor data of a turbine tells when it will fail.",
        21,
    ),
    Turn(
        "I train models on the sensor data of each turbine before it fails.",
        "Models on the sensor data of each turbine: that is data science.",
        21,
    ),
)
"""Known from the first turn, and filed under one topic that becomes hot."""
LIFE = (
    Turn("I moved to Seattle last month.", "Welcome to Seattle!", 9),
    Turn("My sister Clara plays chess every Thursday.", "Who wins?", 9),
    Turn("I work for a turbine maker in Seattle now.", "Then the turbines moved with you.", 2),
)
RECALLS = ("Which sensor data do I look at?", "When will a turbine fail?")
"""Questions that heat the topic of work."""
BY_MEANING = "Where do I live?"
"""No word of it was said."""
NEWEST = "Where do I work?"
"""Said twice: the newest word on it comes first."""
UNKNOWN = "Who is the president of France?"
"""Nothing that was said bears on it."""
STATED, ATTRIBUTE = "Tom is allergic to peanuts", "allergy"
CORRECTED = "Tom is allergic to walnuts, not to peanuts"
SPANISH = Turn(
    "Mi perro se llama Rex y persigue patos.", "Saludos a Rex, y que los patos vuelen.", 1
)
SPANISH_QUESTION = "¿Cómo se llama mi perro?"
