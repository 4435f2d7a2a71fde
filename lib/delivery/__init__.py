"""Deliver events to the traceability service: whether it may be asked, what is sent, how."""
