"""Read the client's own session files: prompts, models, titles, past calls of tools."""
