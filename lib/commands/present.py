"""Find the recorded file that is meant, and read what it holds now."""

from typing import NamedTuple

from lib.commands import on_disk
from lib.commands.common import CommandError, meant, names_of, printable
from lib.commands.terminal import relative
from lib.ledger.history import History
from lib.ledger.snapshots import HOLDERS, digest_of, key
from lib.privacy import user_rules
from lib.privacy.redaction import redact
from lib.system.places import is_away


class Present(NamedTuple):
    """A recorded file as it is now.

    `path` is where it stands, `known_as` the path by which it was recorded; `text` is what it
    holds, None where the disk does not have it; `note` is what there is to say of that, or "".
    """

    path: str
    known_as: str
    text: str | None
    note: str = ""


def present(history: History, name: str) -> Present:
    """Read the file that `name` means.

    Secrets are replaced as in what is recorded. Raises CommandError for a file that was never
    recorded, and sqlite3.Error.
    """
    path, known_as = recorded(history, name)
    if not path:
        return _copied(history, name)
    code = on_disk.code_of(path)
    if code is not None:
        return Present(path, known_as, clean(code))
    how = "is gone" if is_away(path) is None else "cannot be read"
    note = f"{relative(printable(path))} {how}: this is what it held last"
    return Present(path, known_as, None, note)


def recorded(history: History, name: str) -> tuple[str, str]:
    """Return the file that `name` means, and the path by which it was recorded; "" if none is.

    The two differ for what was changed in another worktree and merged. May raise CommandError.
    """
    names = names_of(name)
    known = next(filter(history.head, names), "")
    if not known or on_disk.state(history, known) != on_disk.SAME:
        for twin in on_disk.twins(history, names[0]):
            return names[0], twin
    if known:
        return known, known
    files = history.files_ending(name)
    path = meant(name, files) if files else ""
    return path, path


def _copied(history: History, name: str) -> Present:
    """Read a file that was not recorded by its name, but whose code is known from another."""
    path = names_of(name)[0]
    code = on_disk.code_of(path)
    # Empty files are no copies of each other.
    if code and not code.isspace():
        text = clean(code)
        query = (
            "SELECT f.path FROM revisions r JOIN files f ON f.file_id = r.file_id "
            f"WHERE revision_id IN ({HOLDERS}) AND snapshot = ?2 ORDER BY revision_id DESC LIMIT 1"
        )
        digest = digest_of(text)
        for (other,) in history.rows(query, (key(digest), digest)):
            note = f"{relative(printable(path))} was not recorded by that name: this is the code of"
            shown = relative(printable(other))
            return Present(path, other, text, f"{note} {shown}")
    raise CommandError(f"nothing is known of {printable(name)}")


def clean(code: str) -> str:
    """Replace secrets as in what is recorded; the number of lines stays the same."""
    try:
        rules = user_rules.load()
    except user_rules.Unusable:
        rules = []
    return redact(code, rules)[0]
