"""What can be wrong: one module a subject, each a set of functions from a site to findings."""
