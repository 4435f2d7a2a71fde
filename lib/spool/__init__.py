"""The spool: captured events wait here for delivery, one file each. Knows no pattern."""
