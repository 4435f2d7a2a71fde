"""Find the strings that span several lines, by the rules of each language.

Builtins only: the hook path imports this. What begins a string is looked for by `str.find`, so that
time is linear and most text is never looked at character by character. A string that is never
closed (half-written code) is taken for none.
"""

from lib.capture.patterns import is_in_pattern, template_end
from lib.capture.string_syntax import DOCUMENTS, syntax_of
from lib.capture.yaml_scalars import yaml_scalars

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lib.capture.string_syntax import Syntax

    Span = tuple[int, int]

_BEFORE_QUOTE = frozenset(" \t\n=([{,:<>!|&+.$?;")
# Characters that are a quote, which opens nothing there: Rust's, Lisp's, Erlang's.
_QUOTED = {'"': ("'\"'", "'\\\"'", '\\"', '$"'), "'": ("\\'",)}


def spans(
    text: str, language: str, openers: "tuple[str, ...]", block: "tuple[str, str]"
) -> "list[Span]":
    """Find strings, heredocs and block scalars that span lines: their start and end in `text`.

    `openers` begin a line comment in `language`, `block` brackets one of several lines.
    """
    if language == "yaml":
        return list(yaml_scalars(text))
    multi, single, heredoc = syntax_of(language)
    if language == "php" and ("?>" in text or not text.startswith("<?php")):
        multi = ()  # outside of its tags, an apostrophe is one
    triggers = [bracket[0] for bracket in multi if bracket[0] in text]
    if heredoc and heredoc in text:
        triggers.append(heredoc)
    if single and "\\\n" in text:
        triggers.append("\\\n")
    if not triggers:
        return []
    return _Scanner(text, language, (multi, single, heredoc), openers, block).run(triggers)


class _Scanner:
    """Finds the strings of one text; each part of it is read once for each kind of opener."""

    def __init__(
        self,
        text: str,
        language: str,
        syntax: "Syntax",
        openers: "tuple[str, ...]",
        block: "tuple[str, str]",
    ) -> None:
        self._text = text
        self._language = language
        self._brackets = {bracket[0]: bracket for bracket in syntax[0]}
        self._single = syntax[1]
        self._heredoc = syntax[2]
        self._openers = openers
        self._comments = [pair for pair in (block, DOCUMENTS.get(language, ("", ""))) if pair[0]]
        self._closers = dict(self._comments)
        # Where "#" begins a comment only at the beginning of a word.
        self._words = language != "python"
        self._never: set[str] = set()
        others = [*self._brackets, self._heredoc, *(start for start, _ in self._comments)]
        self._long = [opener for opener in others if len(opener) > 1]

    def run(self, triggers: "list[str]") -> "list[Span]":
        text = self._text
        found: list[Span] = []
        triggers = [*triggers, *(start for start, _ in self._comments)]
        # The longest first, so that of two at one place it is taken.
        ahead = {t: text.find(t) for t in sorted(triggers, key=len, reverse=True)}
        at = 0
        while True:
            first, opener = -1, ""
            for trigger, place in ahead.items():
                if 0 <= place < at:
                    ahead[trigger] = text.find(trigger, at)
                if ahead[trigger] >= 0 and (first < 0 or ahead[trigger] < first):
                    first, opener = ahead[trigger], trigger
            if first < 0:
                return found
            at, span = self._step(at, first, opener)
            if span and text.find("\n", span[0], span[1]) >= 0:
                found.append(span)

    def _step(self, at: int, place: int, trigger: str) -> "tuple[int, Span | None]":
        """Scan from `at` past the trigger at `place`; return where to go on, and any string."""
        start = max(self._text.rfind("\n", at, place) + 1, at)
        opened = self._text.find("\n", place)
        line_end = opened if opened >= 0 else len(self._text)
        if trigger in ('"', "'") and self._is_closed(self._text[start:line_end]):
            return line_end, None
        hidden = self._hidden(start, place, line_end)
        if trigger == "\\\n":
            return self._joined(place, hidden)
        if hidden >= 0:
            is_comment = self._text[hidden] not in self._single or not self._single
            end = line_end if is_comment else self._closing(self._text[hidden], hidden + 1, True)
            return (end if place < end <= line_end else line_end), None
        closer = self._closers.get(trigger)
        if closer:
            end = self._text.find(closer, place + len(trigger))
            return (end + len(closer) if end >= 0 else len(self._text)), None
        if trigger == self._heredoc:
            return self._heredoc_at(place, line_end)
        return self._string_at(start, place, trigger, line_end)

    def _joined(self, place: int, hidden: int) -> "tuple[int, Span | None]":
        """Continue an ordinary string, if one is open, past the backslash that ends its line."""
        end = -1
        if hidden >= 0 and self._text[hidden] in self._single:
            end = self._closing(self._text[hidden], place + 2, True)
        return (end, (place, end)) if end >= 0 else (place + 2, None)

    def _is_closed(self, line: str) -> bool:
        """Check by counting quotes, fast, that no string of `line` goes on in the next."""
        if line.count('"') % 2 or line.count("'") % 2 or "\\" in line:
            return False
        return not any(opener in line for opener in self._long)

    def _hidden(self, start: int, place: int, line_end: int) -> int:
        """Find where the comment or ordinary string begins that holds `place`, -1 for none."""
        before = self._text[start:place]
        if not before.strip():
            return -1
        marks = self._single + "".join(opener[0] for opener in self._openers)
        if not any(mark in before for mark in marks):
            return -1
        at = start
        while at < place:
            character = self._text[at]
            if character == "\\":
                at += 2
            elif character in self._single:
                end = self._closing(character, at + 1, True)
                if end < 0 or end > line_end:
                    # Open at the end of the line: an apostrophe, or it goes on by a backslash.
                    return at if self._text[line_end - 1] == "\\" else -1
                if end > place:
                    return at
                at = end
            elif character in marks and self._is_comment(at, start):
                return at
            else:
                at += 1
        return -1

    def _is_comment(self, at: int, start: int) -> bool:
        for opener in self._openers:
            if self._text.startswith(opener, at):
                is_word = at == start or self._text[at - 1] in " \t;"
                return is_word or opener != "#" or not self._words
        return False

    def _string_at(
        self, start: int, place: int, trigger: str, line_end: int
    ) -> "tuple[int, Span | None]":
        opener, closer, escapes = self._brackets[trigger]
        if len(opener) == 1 and opener in "\"'" and not self._stands_well(place):
            return place + 1, None
        if opener in "\"'`" and is_in_pattern(self._text, self._language, start, place, line_end):
            return place + 1, None
        end = self._closing(closer, place + len(opener), escapes)
        if opener == "`" and escapes and self._text.find("${", place, end) >= 0:
            end = self._template(place + 1, end)
        if end < 0 or (end > line_end and self._text[end : end + 1].isalnum()):
            return place + len(opener), None
        return end, (place, end)

    def _template(self, at: int, end: int) -> int:
        """Find the end of a template with code in it; `end` is the next backtick's."""
        whole = template_end(self._text, at) if "${" not in self._never else -1
        if whole < 0:
            self._never.add("${")
        return max(whole, end)

    def _stands_well(self, place: int) -> bool:
        """Check whether a quote can open a string here: not within a word, nor as a character."""
        quote = self._text[place]
        for quoted in _QUOTED[quote]:
            if self._text.startswith(quoted, place - quoted.index(quote, quoted[0] == quote)):
                return False
        return place == 0 or self._text[place - 1] in _BEFORE_QUOTE

    def _closing(self, closer: str, at: int, escapes: bool) -> int:
        """Find the end of the string that is closed by `closer` at `at` or later, -1 for none."""
        if closer in self._never:
            return -1
        while (found := self._text.find(closer, at)) >= 0:
            behind = found
            while escapes and behind > at and self._text[behind - 1] == "\\":
                behind -= 1
            if (found - behind) % 2 == 0:
                return found + len(closer)
            at = found + 1
        self._never.add(closer)
        return -1

    def _heredoc_at(self, place: int, line_end: int) -> "tuple[int, Span | None]":
        """Find the heredoc that begins at `place`: from the next line to the one with its word."""
        at = place + len(self._heredoc)
        indented = self._text[at : at + 1] in ("-", "~")
        at += indented
        quote = self._text[at : at + 1]
        at += quote in ('"', "'", "\\")
        end = at
        while end < line_end and (self._text[end].isalnum() or self._text[end] == "_"):
            end += 1
        word = self._text[at:end]
        if (
            not word
            or word in self._never
            or word[0].isdigit()
            or self._text[place - 1 : place] == "<"
        ):
            return place + len(self._heredoc), None
        line = line_end
        while (line := self._text.find(word, line + 1)) >= 0:
            begins = self._text.rfind("\n", 0, line) + 1
            ends = self._text.find("\n", line)
            rest = self._text[line + len(word) : ends if ends >= 0 else len(self._text)]
            if not self._text[begins:line].strip() and not rest.strip(");,"):
                return line, (line_end, line)
        self._never.add(word)
        return line_end, None
