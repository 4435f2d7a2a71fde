"""The embedded ledger in SQLite: recorded events, patterns and their lineage."""
