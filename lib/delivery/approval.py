"""Decide which services may get the events, by the user's approval.

The environment may name one on this machine only: a cloned repository's settings can set any
variable. Every other host needs the user's own approval, kept in a file beside the bundle, which
is found by where this code lies and never by a variable.
"""

from typing import Any, NamedTuple

from lib.delivery import credentials
from lib.delivery.credentials import Command
from lib.system import bundle, files, json_codec, private_file
from lib.system.private_file import Refused

__all__ = ["Approvals", "Destination", "Refused", "is_loopback", "origin_of", "vet"]

SUFFIX = bundle.APPROVALS
MAX_BYTES = 64 * 1024
PROMPTS = "prompts"


class Destination(NamedTuple):
    """A service that may be used: its URL without a slash at the end, and its token or command.

    `gets_prompts` says that prompts may be sent to it too.
    """

    url: str
    token: str = ""
    command: Command | None = None
    gets_prompts: bool = False

    def bearer(self) -> str:
        """Return the bearer token, "" for none; may wait for a command. Raises Refused."""
        return credentials.ask(self.command) if self.command else self.token


def origin_of(url: str) -> str:
    """Reduce `url` to scheme://host:port in lower case. Raises Refused if it names no service."""
    # Loaded only where there is a service: it would cost every run of the flusher.
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused("it is not a URL") from None
    if parts.scheme not in ("http", "https") or not host or not url.isascii():
        raise Refused("it is not an http or https URL")
    if any(c.isspace() or not c.isprintable() or c == "\\" for c in url):
        raise Refused("it is not a URL")
    if parts.username is not None or parts.password is not None:
        raise Refused("it holds credentials, which belong into a token file")
    if parts.query or parts.fragment:
        raise Refused("it has a query or a fragment")
    port = port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def is_loopback(url: str) -> bool:
    """Check that `url` can only mean this machine. Raises Refused as `origin_of` does."""
    host = origin_of(url).partition("://")[2].rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def vet(url: str) -> str:
    """Return the origin of a service that may be approved. Raises Refused for others."""
    origin = origin_of(url)
    if not is_loopback(url) and not origin.startswith("https:"):
        raise Refused(f"{origin} is not https")
    return origin


class Approvals:
    """The user's approvals, in the file at `path`, which is refused unless its mode is 0600."""

    def __init__(self, path: str = "") -> None:
        self.path = path or bundle.kept(SUFFIX)

    def destination(self, environment_url: str) -> Destination | None:
        """Choose the service: the environment's, else the user's; None if there is none.

        Raises Refused where that service may not be used.
        """
        kept = self._read()
        url = environment_url or _text(kept.get("service_url"))
        if not url:
            return None
        origin = origin_of(url)
        approved = kept.get("hosts")
        host = approved.get(origin) if isinstance(approved, dict) else None
        if host is None and not is_loopback(url):
            raise Refused(f"{origin} was not approved: pattern-tracker trust {origin}")
        vet(url)
        host = host if isinstance(host, dict) else {}
        return Destination(url.rstrip("/"), *_credential(host), host.get(PROMPTS) is True)

    def approve(
        self,
        url: str,
        token_file: str = "",
        use: bool = False,
        token_command: str = "",
        prompts: bool = False,
    ) -> str:
        """Approve the host of `url`, and with `use` deliver to it; return its origin.

        `token_file`: an absolute path; `token_command`: a shell's words that print the token
        instead. Each is tried. With `prompts` it gets the prompts of events too. Raises Refused, or
        OSError where it cannot be stored.
        """
        origin = vet(url)
        host: dict[str, Any] = {}
        if token_file:
            credentials.read_token(token_file)
            host = {"token_file": token_file}
        elif token_command:
            command = credentials.command_of(token_command)
            credentials.ask(command)
            host = {"token_command": list(command.words), "environment": command.environ}
        host |= {PROMPTS: True} if prompts else {}
        kept = self._read()
        hosts = kept.get("hosts")
        hosts = dict(hosts) if isinstance(hosts, dict) else {}
        hosts[origin] = host
        kept["hosts"] = hosts
        if use:
            kept["service_url"] = url.rstrip("/")
        self._write(kept)
        return origin

    def withdraw(self, url: str) -> bool:
        """Withdraw the approval of the host of `url`; False if there was none."""
        origin = origin_of(url)
        kept = self._read()
        hosts = kept.get("hosts")
        service = _text(kept.get("service_url"))
        serving = bool(service) and origin_of(service) == origin
        if not (isinstance(hosts, dict) and origin in hosts) and not serving:
            return False
        kept["hosts"] = {k: v for k, v in (hosts or {}).items() if k != origin}
        if serving:
            del kept["service_url"]
        self._write(kept)
        return True

    def listed(self) -> dict[str, Any]:
        """Return the approved origins, each with what was said of it. Raises Refused."""
        hosts = self._read().get("hosts")
        return dict(hosts) if isinstance(hosts, dict) else {}

    def service_url(self) -> str:
        """Return the service that the user chose, "" if none. Raises Refused."""
        return _text(self._read().get("service_url"))

    def _write(self, kept: dict[str, Any]) -> None:
        files.replace(self.path, json_codec.dumps(kept).encode() + b"\n", sync=True)

    def _read(self) -> dict[str, Any]:
        try:
            data = private_file.read(self.path, MAX_BYTES)
            kept = json_codec.loads(data.decode())
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError):
            raise Refused(f"{self.path} is damaged") from None
        if not isinstance(kept, dict):
            raise Refused(f"{self.path} is damaged")
        return kept


def _credential(host: dict[str, Any]) -> tuple[str, Command | None]:
    """Return the token of an approved host, or the command that prints it. Raises Refused."""
    words, environ = host.get("token_command"), host.get("environment")
    if isinstance(words, list) and words and isinstance(environ, dict):
        return "", Command(tuple(map(str, words)), {k: str(v) for k, v in environ.items()})
    token_file = _text(host.get("token_file"))
    return (credentials.read_token(token_file) if token_file else ""), None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
