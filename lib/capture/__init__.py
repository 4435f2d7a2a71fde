"""Turn a hook's payload into an event. Builtins only: the hook path imports this."""
