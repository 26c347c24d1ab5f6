"""MemoryOS for the OpenAI Agents SDK: `MemoryOSSession`, which a `Runner` takes as `session=`.

Needs nothing but the engine; the SDK comes with the extra `openai-agents`.
"""

from memoryos_integrations.openai_agents.session import MemoryOSSession

__all__ = ["MemoryOSSession"]
