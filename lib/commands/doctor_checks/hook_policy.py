"""Find what keeps the client from running our hooks: its settings, or a variable."""

from collections.abc import Iterable, Mapping

from lib.commands.doctor_checks.client_settings import PLUGIN
from lib.commands.doctor_checks.finding import Entry, Source

# With one of these the client runs no hook that a user or a project registered.
VARIABLES = ("CLAUDE_CODE_SAFE_MODE", "CLAUDE_CODE_SIMPLE", "CLAUDE_CODE_RESTRICTED")
_NO = ("", "0", "false", "no", "off")
_ALL_OFF, _MANAGED_ONLY = "disableAllHooks", "allowManagedHooksOnly"
_PLUGINS_ONLY = "strictPluginOnlyCustomization"


def obstacle(
    found: list[Source], entries: Iterable[Entry], environ: Mapping[str, str]
) -> tuple[str, str]:
    """Return the setting that keeps all of `entries` from running, and its file; "" if none does.

    For a variable the file is "". Without `entries` it is what would keep a user's from running.
    """
    barred = [_bar(entry, found, environ) for entry in entries]
    if not barred:
        barred = [_bar(Entry("", "", "", "", ""), found, environ)]
    return barred[0] if all(setting for setting, _ in barred) else ("", "")


def _bar(entry: Entry, found: list[Source], environ: Mapping[str, str]) -> tuple[str, str]:
    managed = [source for source in found if source.scope == "managed"]
    plugin = entry.where.removeprefix(f"{PLUGIN} ")
    is_plugin = plugin != entry.where
    is_managed = entry.where in [source.path for source in managed]
    # The client takes the strongest file's word.
    said = [(s.settings[_ALL_OFF], s) for s in found if s.settings.get(_ALL_OFF) is not None]
    if said and said[-1][0] not in (False, "false"):
        path = said[-1][1].path
        if not is_managed or said[-1][1] in managed:
            return _ALL_OFF, path
    for source in managed:
        given = source.settings.get("enabledPlugins")
        enabled = given if isinstance(given, dict) else {}
        is_theirs = is_managed or enabled.get(plugin) is True
        if source.settings.get(_MANAGED_ONLY) is True and not is_theirs:
            return _MANAGED_ONLY, source.path
        strict = source.settings.get(_PLUGINS_ONLY)
        is_strict = strict is True or (isinstance(strict, list) and "hooks" in strict)
        if is_strict and not is_managed and not is_plugin:
            return _PLUGINS_ONLY, source.path
    if is_managed:
        return "", ""
    on = [name for name in VARIABLES if environ.get(name, "").strip().lower() not in _NO]
    return (on[0], "") if on else ("", "")
