"""Files, locks, clocks, settings and logs, which every other package uses. Knows no pattern."""
