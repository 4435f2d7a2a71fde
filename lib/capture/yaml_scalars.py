"""Find the YAML scalars that span lines: block scalars, and quoted ones.

Builtins only: the hook path imports this.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def yaml_scalars(text: str) -> "Iterator[tuple[int, int]]":
    """Yield the start and end in `text` of each scalar that spans lines."""
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        stripped = line.lstrip(" ")
        if stripped.startswith("#") or not stripped:
            at = end + 1
            continue
        head = line.rstrip("0123456789+-")
        if (head.endswith(("|", ">")) and head[:-1].endswith((" ", "\t"))) or head in ("|", ">"):
            last = _block_end(text, end + 1, len(line) - len(stripped))
            if last > end + 1:
                yield end, last - 1
            at = max(last, end + 1)
            continue
        quote = _open_quote(line) if "'" in line or '"' in line else ""
        closed = text.find(quote, end) if quote else -1
        if closed >= 0:
            yield at, closed
            end = text.find("\n", closed)
            end = len(text) if end < 0 else end
        at = end + 1


def _block_end(text: str, at: int, indent: int) -> int:
    """Find the end of the block scalar whose content begins at `at`: a line indented less."""
    wanted = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        depth = len(line) - len(line.lstrip(" "))
        if line.strip():
            wanted = wanted or (depth if depth > indent else -1)
            if wanted < 0 or depth < wanted:
                return at
        at = end + 1
    return at


def _open_quote(line: str) -> str:
    """Return the quote of a scalar that begins in `line` and does not end there, "" for none."""
    at = 0
    before = ":"
    while at < len(line):
        character = line[at]
        if character in "\"'" and before in ":-[{,":
            end = line.find(character, at + 1)
            while character == '"' and end > 0 and line[end - 1] == "\\":
                end = line.find(character, end + 1)
            if end < 0:
                return character
            at = end
        elif character == "#" and line[at - 1 : at] in (" ", ""):
            return ""
        if character not in " \t":
            before = character
        at += 1
    return ""
