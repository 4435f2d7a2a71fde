"""Keep secrets and excluded files out of the ledger and away from the service."""
