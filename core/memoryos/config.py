"""All settings in one frozen object; the paper's equation or section stands beside each."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

from memoryos.errors import InvalidInput, UnknownSetting

PromotionMode = Literal["background", "inline", "manual", "queue"]
Durability = Literal["full", "normal"]
RetrievalMode = Literal["fused", "two_stage"]


@dataclass(frozen=True, slots=True)
class RankingConfig:
    """Every weight of the ranking; a weight of 0 switches its signal off.

    What a signal pays is the evidence of LoCoMo's conversations 0 to 4 that is lost in the top 10
    pages without it, with MiniLM and with no model.
    """

    lexical: float = 1.0
    """Weight of the page's words (BM25)."""
    bm25_k1: float = 0.9
    """Saturation of a word's count within a page (Robertson and Zaragoza 2009, eq. 3.15)."""
    bm25_b: float = 0.6
    """How much a long page pays for its length, 0 to 1 (same equation)."""
    window: float = 0.6
    """Weight of the words of the five pages around it: the segment."""
    dense: float = 1.4
    """Weight of the page's meaning (cosine)."""
    unworded: float = 4.0
    """Added to it where no passage holds the question's words: what is meant was said in others."""
    unworded_lexical: float = 1.0
    """Part of the weight of words that is lost there."""
    worded: float = 0.4
    """Share of the weight of a question's words from which on a passage holds them."""
    dense_spelling: float = 0.25
    """The same with `HashingEmbedder`, which knows only spelling: it finds misspelt words."""
    further: float = 0.5
    """Share of the score of a long page's second best passage that is added to the best one's."""
    centring: float = 0.1
    """Share of the scope's mean vector taken out of the question's: what all pages have in common
    tells none of them apart."""
    neighbour: float = 0.25
    """Share of the score of the pages before and after it in its session, where above the mean: the
    dialogue chain."""
    date: float = 3.0
    """Weight of lying in a period the question names, times the log of how rare that is."""
    date_days: float = 1.5
    """Days outside the period after which a page counts 1/e: one tells of things a day later."""
    prior_pages: float = 10.0
    """How many pages' worth of belief the prior spreads have: on a tiny scope a spread measured on
    three pages means nothing."""
    prior_lexical_spread: float = 0.05
    """Spread of BM25 expected before any page is seen, as a share of the best score possible."""
    prior_dense_spread: float = 0.1
    """Spread of cosines expected before any page is seen."""

    def for_embedder(self, name: str) -> RankingConfig:
        """Return the weights for vectors of the embedder `name`, as a store records it."""
        if name.startswith("hashing"):
            return replace(self, dense=self.dense_spelling)
        return self


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """Settings of an engine. Raises InvalidInput or UnknownSetting for values that cannot work."""

    # Short-term memory, §3.2 and §3.3
    short_term_capacity: int = 7
    """Pages in a session's short-term memory."""
    page_out_batch: int = 7
    """Pages that a model reads in one call. The rules file page after page."""
    rest_seconds: float = 900.0
    """A session in which nothing was said for so long is filed by a model down to its last page."""

    # Mid-term memory, Eq. 3 and 4
    similarity_threshold: float = 0.6
    """θ: a topic joins the segment of highest affinity (Eq. 3) if that is at least this."""
    mid_term_capacity: int = 200
    """Segments in mid-term memory; beyond it the coldest is evicted."""
    heat_threshold: float = 5.0
    """τ: a segment of at least this heat is promoted."""
    heat_alpha: float = 1.0
    """α, weight of N_visit (Eq. 4)."""
    heat_beta: float = 1.0
    """β, weight of L_interaction (Eq. 4)."""
    heat_gamma: float = 1.0
    """γ, weight of R_recency (Eq. 4)."""
    recency_seconds: float = 1e7
    """μ of R_recency = exp(−Δt/μ), in seconds."""

    # Long-term memory, §3.2
    long_term_capacity: int = 100
    """Active knowledge entries, for the user and for the agent; the overflow is archived."""

    # Retrieval, §3.4
    top_pages: int = 10
    """k: pages recalled."""
    top_segments: int = 5
    """m: segments recalled."""
    top_knowledge: int = 10
    """Knowledge entries recalled, for the user and for the agent."""
    min_relevance: float = 0.08
    """Relevance below which a recall is empty: that of nonsense, and of what shares neither a word
    nor a meaning with the memory. 0: never. To refuse more, see docs/concepts.md."""
    retrieval: RetrievalMode = "fused"
    """"fused" ranks every page of the scope; "two_stage" is the paper's: segments first."""
    search_in_server_from: int = 20_000
    """Pages ever added to a scope from which on it is searched in the server, not read into this
    process: on PostgreSQL with "fused" retrieval. Every other store ignores it."""
    ranking: RankingConfig = field(default_factory=RankingConfig)
    """How scores are fused."""

    # Generation, §3.5
    context_tokens: int = 2000
    """Budget of the context block that `respond` puts before the model."""

    # Updating
    promotion: PromotionMode = "background"
    """When page-out and promotion happen: behind `add` in this process ("background"), inside `add`
    ("inline"), only at `flush()` ("manual"), or in the processes of `memoryos worker`, which this
    one only asks for it ("queue", on PostgreSQL)."""
    language: str | None = None
    """ISO 639-1 code of the dialogue; None finds it out text by text."""
    calls_per_day: int | None = None
    """Budget of model calls for consolidation per scope and UTC day; None is no limit."""
    tokens_per_day: int | None = None
    """Budget of model tokens for consolidation per scope and UTC day; None is no limit."""

    # Storage
    durability: Durability = "full"
    """"full": on the disk before `add` returns; "normal": a power cut may take the last turns."""
    lock_seconds: float = 60.0
    """How long to wait for another process's write before StorageBusy."""
    cached_scopes: int = 256
    """Scopes whose search index is kept in memory, least recently used first out."""
    cache_bytes: int = 2_000_000_000
    """Memory for those indexes, in bytes."""
    max_text_bytes: int = 1_000_000
    """Longest text of one side of a page, in bytes of UTF-8."""

    def __post_init__(self) -> None:
        for name, least in (
            ("short_term_capacity", 1),
            ("page_out_batch", 1),
            ("mid_term_capacity", 1),
            ("long_term_capacity", 1),
            ("top_pages", 1),
            ("top_segments", 1),
            ("top_knowledge", 1),
            ("search_in_server_from", 1),
            ("context_tokens", 1),
            ("cached_scopes", 1),
            ("cache_bytes", 1),
            ("max_text_bytes", 1),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InvalidInput(
                    f"{name} must be a whole number of at least {least}, not {value!r}"
                )
        for name in ("calls_per_day", "tokens_per_day"):
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, int) or value < 0
            ):
                raise InvalidInput(
                    f"{name} must be None or a whole number of at least 0, not {value!r}"
                )
        for name in (
            "similarity_threshold",
            "heat_threshold",
            "heat_alpha",
            "heat_beta",
            "heat_gamma",
            "recency_seconds",
            "rest_seconds",
            "lock_seconds",
            "min_relevance",
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise InvalidInput(f"{name} must be a number of at least 0, not {value!r}")
        if self.min_relevance > 1:
            raise InvalidInput(f"min_relevance must be at most 1, not {self.min_relevance!r}")
        if self.recency_seconds == 0:
            raise InvalidInput("recency_seconds must be more than 0 seconds")
        for name, kind in (
            ("promotion", PromotionMode),
            ("durability", Durability),
            ("retrieval", RetrievalMode),
        ):
            if getattr(self, name) not in get_args(kind):
                allowed = ", ".join(map(repr, get_args(kind)))
                raise UnknownSetting(
                    f"{name} must be one of {allowed}, not {getattr(self, name)!r}"
                )
        if not isinstance(self.ranking, RankingConfig):
            raise InvalidInput(
                f"ranking must be a RankingConfig, not {type(self.ranking).__name__}"
            )

    @classmethod
    def of(cls, settings: MemoryConfig | Mapping[str, Any] | None) -> MemoryConfig:
        """Return `settings` as a config; a mapping may name any field. Raises UnknownSetting."""
        if settings is None:
            return cls()
        if isinstance(settings, cls):
            return settings
        if not isinstance(settings, Mapping):
            raise InvalidInput(f"config must be a MemoryConfig or a mapping, not {settings!r}")
        known = {f.name for f in fields(cls)}
        unknown = sorted(str(name) for name in settings if name not in known)
        if unknown:
            near = difflib.get_close_matches(unknown[0], known, n=1)
            meant = f": did you mean {near[0]}? There" if near else "; there"
            raise UnknownSetting(
                f"config has no setting {', '.join(unknown)}{meant} are {', '.join(sorted(known))}"
            )
        return replace(cls(), **settings)
