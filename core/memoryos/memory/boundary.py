"""The boundary of the public verbs: nothing but a MemoryOSError gets out, and observers watch."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from memoryos.errors import MemoryOSError
from memoryos.ports import observed, observers

Class = TypeVar("Class", bound=type)
_OBSERVED = frozenset("recall add add_many add_messages remember correct forget rebuild".split())
"""Verbs of a memory that observers are told of; the others only read, or call these."""


def raises_only_ours(cls: Class) -> Class:
    """Have the public methods of a class raise a MemoryOSError in place of any other Exception.

    Stored values that are not as they were written raise where nobody expected it, and so do models
    and embedders of others. A call with wrong arguments stays the TypeError that it is.
    """
    for name, method in list(vars(cls).items()):
        if name.startswith("_"):
            continue
        if isinstance(method, classmethod):
            setattr(cls, name, classmethod(_bounded(method.__func__)))
        elif callable(method):
            setattr(cls, name, _bounded(method))
    return cls


def _bounded(verb: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(verb)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return verb(*args, **kwargs)
        except MemoryOSError:
            raise
        except Exception as error:
            trace = error.__traceback__
            if isinstance(error, TypeError) and (trace is None or trace.tb_next is None):
                raise  # the arguments are not the verb's
            raise MemoryOSError(
                f"{verb.__name__} failed with {type(error).__name__}: something stored is not as "
                "it was written (look with `memoryos doctor`), or a model or embedder given to the "
                "engine is at fault; the cause is in the traceback"
            ) from error

    if verb.__name__ not in _OBSERVED:
        return call
    signature = inspect.signature(verb)

    @functools.wraps(verb)
    def watched(*args: Any, **kwargs: Any) -> Any:
        if not observers:
            return call(*args, **kwargs)
        do = functools.partial(call, *args, **kwargs)
        try:
            given = dict(signature.bind(*args, **kwargs).arguments)
        except TypeError:
            return do()  # tells what is wrong with the arguments
        memory = given.pop("self")
        return observed(verb.__name__, memory.scope, memory.session_id, given, do)

    return watched
