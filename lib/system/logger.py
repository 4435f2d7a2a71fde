"""Log warnings of the library. `logging` is imported when there is one, not before."""

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
    """Log each of `messages` that this process has not logged by this function before."""
    for message in messages:
        if message not in _said:
            _said.add(message)
            warning("%s", message)
