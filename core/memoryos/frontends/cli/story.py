"""The conversation that `memoryos demo` plays: Tom, in English and three weeks later in Spanish."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Act:
    """One conversation, and what fresh conversations ask about it."""

    session_id: str
    title: str
    days_ago: int
    turns: tuple[tuple[str, str], ...]
    questions: tuple[str, ...]


ACTS = (
    Act(
        session_id="english",
        title="A conversation in English, three weeks ago",
        days_ago=21,
        turns=(
            (
                "Hi! I'm Tom, I work as a data scientist in San Francisco.",
                "Hello Tom! Data scientist in San Francisco: what data does that job work on?",
            ),
            (
                "Sensor data of wind turbines: I tell when a turbine will fail.",
                "So a data scientist for turbines: the sensor data tells when one will fail.",
            ),
            (
                "Right, I train models on the sensor data of each turbine before it fails.",
                "Models on the sensor data of each turbine: that is data science.",
            ),
            (
                "I like chess, I play at the club every Thursday with my sister Clara.",
                "Chess with your sister every Thursday! Who wins?",
            ),
            ("Clara wins at chess, mostly.", "Then there is something to learn on Thursday."),
            ("By the way, I have a dog called Rex, he chases ducks.", "Give Rex my best."),
        ),
        questions=("What do you remember about my job?", "Where do I work?"),
    ),
    Act(
        session_id="español",
        title="A conversation in Spanish, yesterday",
        days_ago=1,
        turns=(
            (
                "¡Hola! Soy Tom y trabajo como científico de datos en San Francisco.",
                "¡Hola, Tom! ¿Qué datos mira un científico de datos en San Francisco?",
            ),
            (
                "Con datos de sensores de turbinas: un científico prevé así sus fallos.",
                "Un científico de turbinas: los datos de los sensores avisan de los fallos.",
            ),
            (
                "Sí, entreno modelos con los datos de los sensores de cada turbina.",
                "Modelos con los datos de sensores de cada turbina: eso es ciencia de datos.",
            ),
            (
                "Me gusta el ajedrez, juego los jueves con mi hermana Clara.",
                "¡Ajedrez con tu hermana! ¿Quién gana?",
            ),
            ("Casi siempre gana Clara.", "Habrá que estudiar antes del jueves."),
            ("Mi perro se llama Rex.", "Saludos a Rex."),
        ),
        questions=("¿Qué recuerdas sobre mi trabajo?", "¿En qué ciudad trabajo?"),
    ),
)
