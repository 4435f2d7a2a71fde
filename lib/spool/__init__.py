"""Event files that wait: one file an event. Knows no pattern."""
