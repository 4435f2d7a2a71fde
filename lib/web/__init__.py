"""A page over the ledger, for one's own browser on one's own machine."""
