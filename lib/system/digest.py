"""Hash text with SHA-256, for ids, file names and keys.

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
    """Hash `text` with SHA-256 to 64 hex digits; a lone surrogate counts as its three bytes."""
    return str(sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
