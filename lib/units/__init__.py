"""Functions, methods and classes in code, by the grammars of its languages."""
