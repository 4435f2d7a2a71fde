"""Read the lines that a recorded file has now, each with where it came from."""

from typing import NamedTuple

from lib.commands import on_disk
from lib.commands.common import CommandError, meant, names_of, printable
from lib.commands.terminal import relative
from lib.ledger.attribution import Line, attribute
from lib.ledger.history import History
from lib.ledger.snapshots import digest_of
from lib.privacy import user_rules
from lib.privacy.redaction import redact
from lib.system.places import is_away


class Present(NamedTuple):
    """A recorded file's lines, as the disk has them, and what there is to say of that, or ""."""

    path: str
    lines: list[Line]
    note: str


def present(history: History, name: str) -> Present:
    """Read the file that `name` means; as it was recorded last where the disk does not have it.

    Secrets are replaced as in what is recorded. Raises CommandError for a file that was never
    recorded, and sqlite3.Error.
    """
    path = recorded(history, name)
    shown = relative(printable(path))
    if not path:
        return _copied(history, name)
    code = on_disk.code_of(path)
    if code is None:
        is_gone = is_away(path) is None
        note = f"{shown} {'is gone' if is_gone else 'cannot be read'}: this is what it held last"
        return Present(path, attribute(history, path), note)
    lines = attribute(history, path, clean(code))
    others = sum(line.place.step is None for line in lines)
    note = f"{shown}: {others} line{'s' * (others != 1)} changed since, not recorded yet"
    return Present(path, lines, note if others else "")


def recorded(history: History, name: str) -> str:
    """Return the recorded file that `name` means, "" if none does. May raise CommandError."""
    for path in filter(history.head, names_of(name)):
        return path
    files = history.files_ending(name)
    return meant(name, files) if files else ""


def _copied(history: History, name: str) -> Present:
    """Read a file that was not recorded by its name, but whose code is known from another."""
    path = names_of(name)[0]
    code = on_disk.code_of(path)
    if code is not None:
        text = clean(code)
        query = (
            "SELECT f.path FROM revisions r JOIN files f ON f.file_id = r.file_id "
            "WHERE snapshot = ? ORDER BY revision_id DESC LIMIT 1"
        )
        for (other,) in history.rows(query, (digest_of(text),)):
            note = f"{relative(printable(path))} was not recorded by that name: this is the code of"
            shown = relative(printable(other))
            return Present(path, attribute(history, other, text), f"{note} {shown}")
    raise CommandError(f"nothing is known of {printable(name)}")


def clean(code: str) -> str:
    """Replace secrets as in what is recorded; the number of lines stays the same."""
    try:
        rules = user_rules.load()
    except user_rules.Unusable:
        rules = []
    return redact(code, rules)[0]
