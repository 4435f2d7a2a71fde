"""Tell where a quote stands in a regular expression, and where a template with code in it ends.

Builtins only: the hook path imports this. Each look is bounded, so that time stays linear.
"""

_SCRIPTS = ("javascript", "typescript", "vue", "svelte")
# What a regular expression may follow in them; after anything else a slash divides.
_BEFORE = "(,=:[!&|?;+"
# What tells of a regular expression, or of a string in delimiters of its own.
_SIGNS = {
    "perl": "=~ !~ split qr qq qw q{ q[ q( m/ m{ s/ s< s! /[ (?".split(),
    "ruby": "=~ !~ %r %q %Q %w scan(/ sub(/ sub!(/ split(/ match(/".split(),
}
_WINDOW = 300


def is_in_pattern(text: str, language: str, start: int, place: int, line_end: int) -> bool:
    """Check whether the quote at `place` is part of a regular expression of its line.

    `start` is where the line begins, or what was told of it ends.
    """
    if language in _SIGNS:
        begin = max(text.rfind("\n", 0, place) + 1, place - _WINDOW)
        line = text[begin : min(line_end, place + _WINDOW)]
        return any(sign in line for sign in _SIGNS[language])
    start = max(start, place - _WINDOW)
    at = text.find("/", start, place) if language in _SCRIPTS else -1
    while at >= 0:
        end = at + 1
        if text[max(start, at - 20) : at].rstrip()[-1:] in _BEFORE:
            end = _end(text, end, min(line_end, end + _WINDOW))
            if end < 0 or end > place:
                return end > place
        at = text.find("/", end, place)
    return False


def _end(text: str, at: int, limit: int) -> int:
    """Find the end of the regular expression whose first character is at `at`, -1 for none."""
    in_class = False
    while at < limit:
        character = text[at]
        if character == "/" and not in_class:
            return at + 1
        if character in "[]":
            in_class = character == "["
        at += 2 if character == "\\" else 1
    return -1


def template_end(text: str, at: int) -> int:
    """Find the end of the template whose first character is at `at`, -1 where it has none.

    What stands in its `${...}` may hold others.
    """
    ahead = dict.fromkeys(("\\", "`", "${", "{", "}"), -1)
    # One for each `${...}` (its open braces) and each template in it (-1).
    open_: list[int] = []
    while True:
        for mark, place in ahead.items():
            if place < at:
                found = text.find(mark, at)
                ahead[mark] = found if found >= 0 else len(text)
        place, mark = min((place, mark) for mark, place in ahead.items())
        if place >= len(text):
            return -1
        at = place + len(mark) + (mark == "\\")
        is_code = bool(open_) and open_[-1] > 0
        if mark == "`" and not is_code:
            if not open_:
                return at
            open_.pop()
        elif mark == "`":
            open_.append(-1)
        elif mark == "${" and not is_code:
            open_.append(1)
        elif is_code and mark != "\\":
            open_[-1] += -1 if mark == "}" else 1
            if not open_[-1]:
                open_.pop()
