"""The 90 dimensions of the paper's User Traits (arXiv 2506.06326, §3.2), in three groups.

The prompt of the published code speaks of 90 dimensions and spells out 51: 16 of personality,
8 of AI alignment and 27 of content platform interest, each kept here under its published name and
first in its group.  The rest complete each group in its own sense: further needs and values of
personality psychology, further expectations of an assistant, further interest tags of content
platforms.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PERSONALITY: Final = "basic needs and personality"
ALIGNMENT: Final = "AI alignment dimensions"
INTERESTS: Final = "content platform interest tags"

_PERSONALITY = (
    "Extraversion",
    "Openness",
    "Agreeableness",
    "Conscientiousness",
    "Neuroticism",
    "Physiological Needs",
    "Need for Security",
    "Need for Belonging",
    "Need for Self-Esteem",
    "Cognitive Needs",
    "Aesthetic Appreciation",
    "Self-Actualization",
    "Need for Order",
    "Need for Autonomy",
    "Need for Power",
    "Need for Achievement",
    "Need for Intimacy",
    "Need for Novelty",
    "Need for Play",
    "Need for Competence",
    "Need for Nurturance",
    "Need for Meaning",
    "Need for Privacy",
    "Empathy",
    "Perseverance",
    "Risk Tolerance",
)
_ALIGNMENT = (
    "Helpfulness",
    "Honesty",
    "Safety",
    "Instruction Compliance",
    "Truthfulness",
    "Coherence",
    "Complexity",
    "Conciseness",
    "Proactivity",
    "Transparency",
    "Fairness",
    "Personalization",
    "Emotional Support",
    "Creativity",
    "Uncertainty Disclosure",
    "Privacy Protection",
)
_INTERESTS = (
    "Science Interest",
    "Education Interest",
    "Psychology Interest",
    "Family Concern",
    "Fashion Interest",
    "Art Interest",
    "Health Concern",
    "Financial Management Interest",
    "Sports Interest",
    "Food Interest",
    "Travel Interest",
    "Music Interest",
    "Literature Interest",
    "Film Interest",
    "Social Media Activity",
    "Tech Interest",
    "Environmental Concern",
    "History Interest",
    "Political Concern",
    "Religious Interest",
    "Gaming Interest",
    "Animal Concern",
    "Emotional Expression",
    "Sense of Humor",
    "Information Density",
    "Language Style",
    "Practicality",
    "Photography Interest",
    "Gardening Interest",
    "Crafts Interest",
    "Home Improvement Interest",
    "Automotive Interest",
    "Outdoor Interest",
    "Fitness Interest",
    "Dance Interest",
    "Theatre Interest",
    "Television Interest",
    "Anime Interest",
    "Beauty Interest",
    "Architecture Interest",
    "Philosophy Interest",
    "Mathematics Interest",
    "Language Learning Interest",
    "Business Interest",
    "Career Interest",
    "Law Interest",
    "News Interest",
    "Volunteering Interest",
)

TRAITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(_PERSONALITY, PERSONALITY),
        **dict.fromkeys(_ALIGNMENT, ALIGNMENT),
        **dict.fromkeys(_INTERESTS, INTERESTS),
    }
)
"""Name of a dimension -> its group; 90 entries, group by group."""
