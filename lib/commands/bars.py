"""Draw a bar on standard error while something takes long."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def bar(shown: bool, *columns: str) -> Iterator[Callable[..., None]]:
    """Make the function that moves the bar, if it is `shown`; else one that does nothing.

    It takes what `rich.progress.Progress.update` does. A column is the name of one of rich's, or
    a text.
    """
    if not shown:
        yield lambda **told: None
        return
    from rich import progress
    from rich.console import Console

    made = [getattr(progress, name)() if hasattr(progress, name) else name for name in columns]
    with progress.Progress(*made, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task("", total=None, visible=False)

        def move(**told: Any) -> None:
            drawn.update(task, **{"visible": True, **told})

        yield move
