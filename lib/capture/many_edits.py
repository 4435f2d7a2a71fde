"""Apply many edits to a long text without copying it for each.

Builtins only: the hook path imports this for such a call.
"""

from itertools import pairwise

from lib.capture.named_file import MAX_BYTES, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    # What is replaced, what by, and whether wherever it is.
    Edit = tuple[str, str, bool]

# Characters that are searched or copied for all edits of a call together.
MAX_SEARCHED = 256 * 1024 * 1024


def apply(
    text: str, edits: "Iterable[Edit]", replaced: "Callable[[str, str, str, bool], str]"
) -> str:
    """Apply `edits` to `text`; `replaced` makes one, as the client does.

    Raises Refused where that takes too long or becomes too large.
    """
    job = _Job(text, replaced)
    for edit in edits:
        job.add(edit)
    return job.result()


class _Job:
    """A text, and edits of it that are made together.

    The client refuses to change one place of several that are alike. So one that is found where
    no other edit is made is the place, whatever is changed elsewhere.
    """

    def __init__(self, text: str, replaced: "Callable[[str, str, str, bool], str]") -> None:
        self._replaced = replaced
        self._left = MAX_SEARCHED
        self._places: list[tuple[int, int, Edit]] = []
        self._is_ahead = True
        self._set(text)

    def add(self, edit: "Edit") -> None:
        old, new, everywhere = edit
        start = -1 if everywhere or not old else self._find(old)
        if start < 0:
            self._set(self._replaced(self.result(), *edit))
            return
        # Two that overlap count as one, the first; or, to delete a line, the one that ends it.
        size = len(old)
        start = self._text.find(old, max(0, start - size + 1), start + size)
        line_end = self._text.find(f"{old}\n", start, start + 2 * size) if not new else -1
        if line_end >= 0 and old[-1] != "\n":
            start, size = line_end, size + 1
        self._at = start + size
        self._places.append((start, start + size, edit))

    def result(self) -> str:
        """Return the text after all edits so far."""
        in_turn, self._places = self._places, []
        places = sorted(in_turn)
        if any(end >= start for (_, end, _), (start, _, _) in pairwise(places)):
            for _, _, edit in in_turn:
                self._set(self._replaced(self._text, *edit))
        elif places:
            pieces, at = [], 0
            for start, end, (_, new, _) in places:
                pieces += [self._text[at:start], new]
                at = end
            self._set("".join(pieces) + self._text[at:])
        return self._text

    def _find(self, old: str) -> int:
        """Find `old`, from the last place on in the present direction first; -1 if nowhere."""
        for is_ahead in (self._is_ahead, not self._is_ahead):
            if is_ahead:
                start = self._text.find(old, self._at)
                self._spend((start if start >= 0 else len(self._text)) - self._at)
            else:
                start = self._text.rfind(old, 0, self._at)
                self._spend(self._at - max(start, 0))
            if start >= 0:
                self._is_ahead = is_ahead
                return start
        return -1

    def _set(self, text: str) -> None:
        if len(text) > MAX_BYTES:
            raise Refused("oversize")
        self._text, self._at = text, 0
        self._spend(len(text))

    def _spend(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise Refused("oversize")
