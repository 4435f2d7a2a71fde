"""The embedded SQLite ledger: recorded events, patterns and their lineage."""
