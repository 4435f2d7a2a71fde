"""The server of a team: what everybody's hooks send, kept and answered for all."""
