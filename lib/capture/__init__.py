"""From a hook's payload to an event. Builtins only: the hook path."""
