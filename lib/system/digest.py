"""SHA-256 of text, for ids, names of files and keys.

Builtins only: the hook path imports this, and `hashlib` costs more than the digest.
"""

import sys

try:
    if sys.version_info >= (3, 12):
        from _sha2 import sha256  # type: ignore[import-not-found]
    else:
        from _sha256 import sha256  # type: ignore[import-not-found]
except ImportError:
    from hashlib import sha256


def hex_digest(text: str) -> str:
    """SHA-256 of `text` as 64 hex digits; lone surrogates count as the three bytes they are."""
    return str(sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
