"""The flusher: a detached process that records and delivers spooled events."""


def __getattr__(name: str) -> object:
    # A hook of version 0.1.0 that runs while it is upgraded starts `lib.flusher.main`.
    if name != "main":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lib.flusher.process import main

    return main
