"""`Memoryos`, the front door of the published MemoryOS package, on this engine.

Programs written for that package run unchanged: the same constructor, methods and result fields,
in that package's words (session for segment, `H_segment` for heat). What they get besides: a turn
is durable before `add_memory` returns, nothing is printed, and ids are keys, never paths.
Everything is in one file, `memoryos.db`, in `data_storage_path`.
"""

from memoryos.frontends.compat.front import Memoryos
from memoryos.frontends.compat.opening import PUBLISHED_DEFAULTS, open_at, open_published
from memoryos.frontends.compat.tiers import published_time

__all__ = ["PUBLISHED_DEFAULTS", "Memoryos", "open_at", "open_published", "published_time"]
