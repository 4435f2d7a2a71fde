"""Claude Code's settings.json, and our entries in it: put in, found again, taken out."""
