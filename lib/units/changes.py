"""Say in words what changed between a unit and the one that continues it."""

from lib.units.lexing import depths
from lib.units.pieces import CONSTRUCTOR, Piece

# With one of these a unit's life begins; the old one is where its text is from.
INTRODUCED, COPIED, SPLIT = "introduced", "copied", "split"
BEGINNINGS = frozenset({INTRODUCED, COPIED, SPLIT})
# With one of these it ends; of a merged one, the new one is the unit that has its text now.
DELETED, MERGED = "deleted", "merged"
ENDINGS = frozenset({DELETED, MERGED})
# What a life that goes on may be: what matters to what the unit does or is called ("restored" is
# what was told as deleted and is in its file again)...
BODY, SIGNATURE, RENAMED, MOVED = "body", "signature", "renamed", "moved"
MODIFIER, RESTORED = "modifier", "restored"
# ...and what does not: comments, layout, and what it lies in was renamed or moved with it.
DOCUMENTATION, COMMENT, FORMAT, CONTAINER = "documentation", "comment", "format", "container"
SOFT = frozenset({DOCUMENTATION, COMMENT, FORMAT, CONTAINER})


def changes(old: Piece, new: Piece, is_carried: bool) -> set[str]:
    """Return what changed; `is_carried`: what it lies in is continued by what the new one does."""
    words = set()
    if old.name != new.name:
        words.add(CONTAINER if old.plain == new.plain == CONSTRUCTOR and is_carried else RENAMED)
    if old.path != new.path or old.box != new.box:
        words.add(CONTAINER if is_carried else MOVED)
    if old.before != new.before and old.documentation != new.documentation:
        words.add(DOCUMENTATION)
    if old.head != new.head or old.body != new.body:
        words |= _of_text(old, new)
        if not words and not old.is_class:
            words.add(FORMAT)
    return words


def _of_text(old: Piece, new: Piece) -> set[str]:
    words = set()
    if old.signature != new.signature:
        words.add(SIGNATURE)
    if old.modifiers != new.modifiers:
        words.add(MODIFIER)
    if old.code != new.code or _is_indented_anew(old, new):
        words.add(BODY)
    if old.comments != new.comments:
        words.add(COMMENT)
    return words


def _is_indented_anew(old: Piece, new: Piece) -> bool:
    is_told = old.language == "python" and old.body != new.body and not old.is_class
    return is_told and depths(old.body) != depths(new.body)
