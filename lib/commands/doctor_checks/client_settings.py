"""Read Claude Code's settings: our hooks, the variables for hooks, the policy for hooks."""

import json
import os
from collections.abc import Iterator

from lib.commands.doctor_checks.finding import Entry, Source
from lib.registration.hook_command import EVENTS, SCRIPTS, TAKEOVER, scripts_in
from lib.system.origins import MANAGED

NAME = "pattern-tracker"
PLUGIN = "the plugin"
MAX_BYTES = 16 * 1024 * 1024


def sources(config_dir: str, project: str, managed: str = MANAGED) -> list[Source]:
    """Return the settings files that are there, weakest first, as the client reads them.

    `project` is "" where there is none.
    """
    own = [
        ("project", f"{project}/.claude/settings.json"),
        ("local", f"{project}/.claude/settings.local.json"),
    ]
    paths = [
        ("user", f"{config_dir}/settings.json"),
        *(own if project else []),
        ("managed", f"{managed}/managed-settings.json"),
        *(("managed", path) for path in _drop_ins(f"{managed}/managed-settings.d")),
    ]
    found: dict[str, Source] = {}
    for scope, path in paths:
        if os.path.exists(path):
            found.setdefault(os.path.realpath(path), _source(scope, path))
    return list(found.values())


def _drop_ins(directory: str) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    return [f"{directory}/{name}" for name in names if name.endswith(".json")]


def _source(scope: str, path: str) -> Source:
    try:
        return Source(scope, path, _load(path))
    except OSError as error:
        return Source(scope, path, {}, f"it cannot be read: {error.strerror}")
    except (ValueError, RecursionError) as error:
        return Source(scope, path, {}, f"it is not JSON: {error}")


def _load(path: str) -> dict[str, object]:
    with open(path, "rb") as file:
        text = file.read(MAX_BYTES).decode("utf-8-sig")
    found = json.loads(text) if text.strip() else {}
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def environment(found: list[Source]) -> dict[str, str]:
    """Return the variables that the settings hand to the hooks, each of the strongest file."""
    merged: dict[str, str] = {}
    for source in found:
        given = source.settings.get("env")
        if isinstance(given, dict):
            merged.update({str(k): v for k, v in given.items() if isinstance(v, str)})
    return merged


def entries(found: list[Source], config_dir: str) -> list[Entry]:
    """List our registered hooks: in the settings, and of the plugin where it is enabled."""
    return [
        *(e for source in found for e in _in_settings(source) if not _is_projects(e, source)),
        *_of_plugins(found, config_dir),
    ]


def _is_projects(entry: Entry, source: Source) -> bool:
    """Tell whether a project's entry names what the repository brings, or another program.

    Neither is to be run.
    """
    if source.scope not in ("project", "local"):
        return False
    if not os.path.basename(entry.interpreter).startswith("python"):
        return True
    project = os.path.realpath(os.path.dirname(os.path.dirname(source.path))) + "/"
    programs = [os.path.realpath(path) for path in (entry.root, entry.interpreter) if "/" in path]
    return any(path.startswith(project) for path in programs)


def _in_settings(source: Source) -> Iterator[Entry]:
    hooks = source.settings.get("hooks")
    for event, script in EVENTS.items():
        groups = hooks.get(event) if isinstance(hooks, dict) else None
        for group in groups if isinstance(groups, list) else []:
            commands = group.get("hooks") if isinstance(group, dict) else None
            for hook in commands if isinstance(commands, list) else []:
                text = hook.get("command") if isinstance(hook, dict) else None
                interpreter, root = parse(text, script) if isinstance(text, str) else ("", "")
                if root:
                    matcher = group.get("matcher")
                    shown = matcher if isinstance(matcher, str) else ""
                    takes_over = TAKEOVER in str(text)
                    yield Entry(event, shown, interpreter, root, source.path, takes_over)


def parse(command: str, script: str) -> tuple[str, str]:
    """Return the interpreter and bundle of a command of ours; two empty strings for another."""
    for interpreter, path in scripts_in(command):
        root = path.removesuffix(f"/hooks/{script}")
        if root != path and _is_bundle(root):
            return interpreter, root
    return "", ""


def _is_bundle(root: str) -> bool:
    return os.path.basename(root) == NAME or manifest(root).get("name") == NAME


def manifest(root: str) -> dict[str, object]:
    """Return the bundle's plugin.json, {} if there is none."""
    return _loaded(f"{root}/plugin.json")


def _of_plugins(found: list[Source], config_dir: str) -> Iterator[Entry]:
    places = _loaded(f"{config_dir}/plugins/installed_plugins.json").get("plugins")
    known = _loaded(f"{config_dir}/plugins/known_marketplaces.json")
    for plugin in _enabled(found):
        installed = places.get(plugin) if isinstance(places, dict) else None
        roots = [place.get("installPath") for place in _dicts(installed)]
        market = known.get(plugin.partition("@")[2])
        for root in [_in_place(market, root) for root in roots if isinstance(root, str)]:
            yield from _hooks_of(root, f"{PLUGIN} {plugin}")


def _in_place(market: object, root: str) -> str:
    """Where the client runs a plugin that it has a copy of at `root`.

    One of a directory runs there, and not at all if that is gone.
    """
    source = market.get("source") if isinstance(market, dict) else None
    if not isinstance(source, dict) or source.get("source") != "directory":
        return root
    place = str(source.get("path"))
    plugins = _dicts(_loaded(f"{place}/.claude-plugin/marketplace.json").get("plugins"))
    within = [plugin["source"] for plugin in plugins if plugin.get("name") == NAME]
    return os.path.normpath(f"{place}/{within[0]}") if within else place


def _loaded(path: str) -> dict[str, object]:
    """Return what a file of the client's says, {} where it cannot be read."""
    try:
        return _load(path)
    except (OSError, ValueError, RecursionError):
        return {}


def _dicts(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _enabled(found: list[Source]) -> list[str]:
    merged: dict[str, object] = {}
    for source in found:
        given = source.settings.get("enabledPlugins")
        merged.update(given if isinstance(given, dict) else {})
    return [n for n, on in merged.items() if on is True and n.startswith(f"{NAME}@")]


def _hooks_of(root: str, where: str) -> Iterator[Entry]:
    text = json.dumps(_loaded(f"{root}/hooks/hooks.json"))
    if text == "{}":
        # It is enabled all the same, and has hooks that nobody runs.
        yield from (Entry(event, "", "python3", root, where) for event in SCRIPTS)
    made = json.loads(text.replace("${CLAUDE_PLUGIN_ROOT}", json.dumps(root)[1:-1]))
    yield from _in_settings(Source("plugin", where, made))
