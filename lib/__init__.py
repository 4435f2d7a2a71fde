"""pattern-tracker: records which code patterns Claude Code creates, changes and reuses."""

__version__ = "0.2.0"
