"""The library's log. `logging` is loaded when there is something to say, not before."""

LOGGER = "pattern_tracker"
_said: set[str] = set()


def warning(message: str, *args: object, error: BaseException | None = None) -> None:
    """Log `message % args`, with the traceback of `error` if given. Never raises."""
    import logging

    try:
        logging.getLogger(LOGGER).warning(message, *args, exc_info=error)
    except Exception:
        # A handler of the application failed; that must not stop what it watches.
        return


def once(messages: list[str]) -> None:
    """Log those `messages` that this process has not logged this way before."""
    for message in messages:
        if message not in _said:
            _said.add(message)
            warning("%s", message)
