"""Find a file of a repository in all of its worktrees, also in those that were removed since."""

from lib.ledger.filters import after
from lib.ledger.history import History
from lib.ledger.text import storable
from lib.system import places

# Where the client makes worktrees, below the root of a repository.
MADE = "/.claude/worktrees/"


class Worktrees:
    """The worktrees of the repository that a real `directory` is in, of which files were recorded.

    `root` is the one that `directory` is in, "" where it is in none. May raise sqlite3.Error.
    """

    def __init__(self, history: History, directory: str) -> None:
        found = places.checkout(directory)
        self.root = storable(found.root) if found else ""
        roots = {self.root}
        if found and self.root:
            repository = storable(found.repository)
            query = "SELECT root FROM projects WHERE repository = ?"
            roots |= {root for (root,) in history.rows(query, (repository,))}
            for main in {self.root, repository.removesuffix("/.git")}:
                # Of one that was gone before its files were recorded nobody knew what it was.
                made = f"{main}{MADE}"
                query = "SELECT path FROM files WHERE path >= ? AND path < ?"
                paths = history.rows(query, (made, after(made)))
                roots |= {made + path[len(made) :].partition("/")[0] for (path,) in paths}
        # One may lie in another.
        self._roots = sorted(roots, key=len, reverse=True)

    def twins(self, path: str) -> list[str]:
        """List the names of the file or directory at `path` in the other worktrees."""
        own = self._root_of(path)
        return [root + path[len(own) :] for root in self._roots if own and root != own]

    def here(self, path: str) -> str:
        """Return the name of the file at `path` in this worktree, `path` where it is in none."""
        root = self._root_of(path)
        return self.root + path[len(root) :] if root else path

    def _root_of(self, path: str) -> str:
        return next((r for r in self._roots if r and f"{path}/".startswith(f"{r}/")), "")
