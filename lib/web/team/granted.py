"""Tokens, notes of administrative acts, and consents, as the tables hold them."""

import json
import uuid

from lib.web.team.stored import Note, Token
from lib.web.team.working import Work

_COLUMNS = "token_id, digest, person, rights, projects, created, revoked"


def add_token(work: Work, token: Token) -> None:
    """Keep a token; one whose id or digest is kept already stays as it is."""
    rights = ",".join(sorted(token.rights))
    projects = None if token.projects is None else json.dumps(sorted(token.projects))
    sql = f"INSERT INTO tokens ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    row = (token.token_id, token.digest, token.person, rights, projects)
    work.run(sql, (*row, token.created, token.revoked))


def tokens(work: Work, digest: str | None = None) -> list[Token]:
    """List all tokens, oldest first, or the good one with this digest."""
    where = "" if digest is None else "WHERE digest = ? AND revoked IS NULL "
    sql = f"SELECT {_COLUMNS} FROM tokens {where}ORDER BY created, token_id"
    found = []
    for token_id, kept, person, rights, projects, created, revoked in work.rows(
        sql, () if digest is None else (digest,)
    ):
        allowed = None if projects is None else frozenset(json.loads(projects))
        held = frozenset(rights.split(",")) - {""}
        found.append(Token(token_id, kept, person, held, allowed, created, revoked))
    return found


def revoke(work: Work, token_id: str, at: float) -> bool:
    """Revoke a token; return whether there is one, even if it was revoked before."""
    work.run("UPDATE tokens SET revoked = ? WHERE token_id = ? AND revoked IS NULL", (at, token_id))
    return bool(work.rows("SELECT 1 FROM tokens WHERE token_id = ?", (token_id,)))


def note(work: Work, given: Note, note_id: str) -> None:
    """Write an act into the audit, once by its id."""
    sql = "INSERT INTO notes (note_id, at, actor, act, about) VALUES (?, ?, ?, ?, ?) "
    work.run(sql + "ON CONFLICT DO NOTHING", (note_id, *given))


def new_id() -> str:
    """Make an id that nothing else has."""
    return uuid.uuid4().hex


def audit(work: Work, limit: int) -> list[Note]:
    """List acts, newest first."""
    sql = "SELECT at, actor, act, about FROM notes ORDER BY at DESC, note_id LIMIT ?"
    return [Note(*row) for row in work.rows(sql, (limit,))]


def set_consent(work: Work, project: str, is_given: bool) -> None:
    """Note whether a project consents to its code being shown elsewhere."""
    given = "INSERT INTO consents (project) VALUES (?) ON CONFLICT DO NOTHING"
    work.run(given if is_given else "DELETE FROM consents WHERE project = ?", (project,))
