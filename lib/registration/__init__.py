"""Register our hooks in Claude Code's settings.json, find them, and remove them."""
