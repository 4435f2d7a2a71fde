"""Decorate tracking functions so that their errors never reach the caller."""

import copy
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, overload

from lib.system import logger

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F")


@overload
def graceful_tracking(  # type: ignore[overload-overlap]
    fallback_return: Callable[P, Coroutine[Any, Any, R]], log_errors: bool = True
) -> Callable[P, Coroutine[Any, Any, R | None]]: ...
@overload
def graceful_tracking(
    fallback_return: None = None, log_errors: bool = True
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Coroutine[Any, Any, R | None]]]: ...
@overload
def graceful_tracking(
    fallback_return: F, log_errors: bool = True
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Coroutine[Any, Any, R | F]]]: ...
def graceful_tracking(fallback_return: Any = None, log_errors: bool = True) -> Any:
    """Decorate an async function so that an error gives `fallback_return` instead.

    A plain function becomes an async one.
    Every Exception is logged, unless `log_errors` is False; CancelledError, KeyboardInterrupt
    and SystemExit pass through. Each call gets its own copy of a mutable fallback. Without
    arguments the parentheses may be left out: `@graceful_tracking`.
    """
    if inspect.isroutine(fallback_return) or inspect.iscoroutinefunction(fallback_return):
        return _guard(fallback_return, None, log_errors)
    return lambda func: _guard(func, fallback_return, log_errors)


def _guard(
    func: Callable[P, Awaitable[R] | R], fallback: F, log_errors: bool
) -> Callable[P, Coroutine[Any, Any, R | F]]:
    @functools.wraps(func)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> R | F:
        try:
            result = func(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result
        except Exception as error:
            if log_errors:
                name = getattr(func, "__qualname__", repr(func))
                logger.warning("%s failed: %r", name, error, error=error)
            return _own_copy(fallback)

    return guarded


def _own_copy(value: F) -> F:
    try:
        return copy.deepcopy(value)
    except Exception:
        # An open file, a lock: what cannot be copied is the caller's to share.
        return value
