"""Files, locks, clocks, settings, logs: what every room stands on. Knows no pattern."""
