"""For tests of programs that use this library, and of stores, embedders and models for it.

`OpenAIServer` is a scriptable model endpoint on 127.0.0.1. The contract classes need pytest: a test
class that inherits from one runs its tests on what its fixtures give.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memoryos.testing.model_contracts import ChatModelContract as ChatModelContract
    from memoryos.testing.model_contracts import EmbedderContract as EmbedderContract
    from memoryos.testing.openai_server import OpenAIServer as OpenAIServer
    from memoryos.testing.store_contract import StoreContract as StoreContract

_HOMES = {
    "ChatModelContract": "model_contracts",
    "EmbedderContract": "model_contracts",
    "OpenAIServer": "openai_server",
    "StoreContract": "store_contract",
}
__all__ = ["ChatModelContract", "EmbedderContract", "OpenAIServer", "StoreContract"]


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for: pytest is not everybody's."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
