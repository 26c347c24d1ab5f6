"""The HTTP library that the installed openai brings: httpx for its 2.x, httpx2 for its 3.x.

The two differ in their names alone, as far as they are used here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpcore2 as httpcore
    import httpx2 as httpx
else:
    import importlib

    import openai

    _name = openai.DefaultHttpxClient.__base__.__module__.partition(".")[0]
    httpx = importlib.import_module(_name)
    httpcore = importlib.import_module(_name.replace("httpx", "httpcore"))

__all__ = ["httpcore", "httpx"]
