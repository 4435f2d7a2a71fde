"""`pattern-tracker doctor`: each thing that can be wrong is found, named, and has its fix."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lib.commands.destinations import Service
from lib.commands.doctor_checks import client_settings, hook_entries, kept_data, reachability
from lib.commands.doctor_checks.finding import OK, SERIOUS, WARNING, Entry, Finding, Site, Source
from lib.commands.doctor_checks.hook_policy import obstacle
from lib.commands.facts import Facts
from lib.commands.when import age
from lib.ledger.schema import VERSION
from lib.registration.hook_command import EVENTS, FAILED, SCRIPTS
from lib.registration.hook_groups import MATCHERS
from lib.system.settings import Settings
from tests.support.bundle import INTERPRETER, ROOT, Bundle, write_payload
from tests.support.client_files import npm_client
from tests.support.service_double import Fault, ServiceDouble


def registered(
    root: Path = ROOT, python: str = INTERPRETER, events: Mapping[str, str] = SCRIPTS, **more: Any
) -> dict[str, Any]:
    """Settings in which our hooks are registered."""
    hooks = {}
    for event, script in events.items():
        text = f"{{ {python} -I -S {root}/hooks/{script} || cat; }} >/dev/null 2>&1 || :"
        group = {
            "matcher": MATCHERS[event],
            "hooks": [{"type": "command", "command": text, "timeout": 10}],
        }
        hooks[event] = [group]
    return {"hooks": hooks, **more}


def configure(bundle: Bundle, settings: object, path: str = ".claude/settings.json") -> None:
    target = bundle.home / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(settings if isinstance(settings, str) else json.dumps(settings))


@pytest.fixture
def well(bundle: Bundle) -> Bundle:
    """A home in which all is well, and one event was captured and delivered."""
    configure(bundle, registered())
    bundle.post(write_payload("/p/a.py", "def f():\n    return 1\n", "1"))
    bundle.wait_delivered()
    return bundle


def examine(bundle: Bundle, **environ: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = bundle.command("doctor", "--json", cwd=bundle.home, **environ)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["serious"] == sum(c["level"] == SERIOUS for c in found["checks"])
    assert done.returncode == (1 if found["serious"] else 0)
    for check in found["checks"]:
        assert check["fix"] or check["level"] not in (SERIOUS, WARNING), check
        assert "\n" not in check["text"]
    return done.returncode, {check["name"]: check for check in found["checks"]}


def levels(checks: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: check["level"] for name, check in checks.items() if check["level"] != "ok"}


def test_all_is_well(well: Bundle) -> None:
    code, checks = examine(well)
    assert (code, levels(checks)) == (0, {})
    assert len(checks) == 22


@pytest.mark.parametrize(
    ("client", "level"), [("2.0.60", OK), ("2.0.30", SERIOUS), ("unknown", OK)]
)
def test_the_hook_of_failed_calls_is_not_for_older_clients(
    well: Bundle, tmp_path: Path, client: str, level: str
) -> None:
    path = f"{npm_client(tmp_path, client)}:{well.environ['PATH']}"
    _, checks = examine(well, PATH=path)
    assert levels(checks) == {}
    configure(well, registered(events=EVENTS))
    _, checks = examine(well, PATH=path)
    assert levels(checks) == ({"hooks": level} if level != OK else {})
    told = f"Claude Code {client} does not know {FAILED}"
    assert checks["hooks"]["text"].startswith(told if level != OK else "registered in")
    assert not (tmp_path / "ran").exists()


def test_nothing_is_green_before_anything_was_observed(bundle: Bundle) -> None:
    configure(bundle, registered())
    code, checks = examine(bundle)
    assert code == 0
    unknown = ("cache", "capture", "sessions", "flusher", "needs", "ledger", "files")
    assert levels(checks) == dict.fromkeys(unknown, "unknown")
    assert not bundle.spool.exists()


def damage_ledger(bundle: Bundle) -> None:
    (bundle.spool / "ledger.db").write_bytes(b"not a database" * 100)


def make_newer(bundle: Bundle) -> None:
    db = sqlite3.connect(bundle.spool / "ledger.db")
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()


def put_into_future(bundle: Bundle) -> None:
    path = bundle.spool / "pending_0.json"
    path.write_text("{}")
    later = time.time() + 86_400
    os.utime(path, (later, later))


def replace_spool(bundle: Bundle) -> None:
    bundle.spool.rename(bundle.spool.with_name("elsewhere"))
    bundle.spool.symlink_to("elsewhere")


def put_aside(bundle: Bundle) -> None:
    (bundle.spool / "quarantine").mkdir()
    (bundle.spool / "quarantine" / "pending_1.json").write_text("{")


def half_registered(bundle: Bundle) -> None:
    settings = registered()
    del settings["hooks"]["PostToolUse"]
    configure(bundle, settings)


def narrow(bundle: Bundle) -> None:
    settings = registered()
    settings["hooks"]["PostToolUse"][0]["matcher"] = "Write"
    configure(bundle, settings)


def plugin_too(bundle: Bundle) -> None:
    configure(bundle, registered(enabledPlugins={"pattern-tracker@market": True}))
    places = {"pattern-tracker@market": [{"scope": "user", "installPath": str(ROOT)}]}
    configure(bundle, {"plugins": places}, ".claude/plugins/installed_plugins.json")


def moved_plugin(bundle: Bundle) -> None:
    """One of a directory that is gone; the client keeps a copy, and does not run that."""
    name = "pattern-tracker@market"
    configure(bundle, {"enabledPlugins": {name: True}})
    place = [{"scope": "user", "installPath": str(ROOT)}]
    configure(bundle, {"plugins": {name: place}}, ".claude/plugins/installed_plugins.json")
    source = {"source": "directory", "path": str(bundle.home / "gone")}
    known = {"market": {"source": source, "installLocation": source["path"]}}
    configure(bundle, known, ".claude/plugins/known_marketplaces.json")


def older_copy(bundle: Bundle) -> None:
    root = bundle.home / "old" / "pattern-tracker"
    (root / "hooks").mkdir(parents=True)
    for script in SCRIPTS.values():
        (root / "hooks" / script).write_text("")
    (root / "plugin.json").write_text('{"name": "pattern-tracker", "version": "0.0.1"}')
    configure(bundle, registered(root))


DEFECTS: dict[str, tuple[Callable[[Bundle], object], str, str, str]] = {
    "not registered": (lambda b: configure(b, {}), "hooks", SERIOUS, "not registered"),
    "half registered": (half_registered, "hooks", SERIOUS, "no PostToolUse hook"),
    "too narrow": (narrow, "hooks", WARNING, "leaves out Edit, NotebookEdit"),
    "no JSON": (lambda b: configure(b, "{"), "hooks", SERIOUS, "it is not JSON"),
    "in the project too": (
        lambda b: configure(b, registered(), "p/.claude/settings.json"),
        "hooks", WARNING, "registered 2 times",
    ),
    "plugin too": (plugin_too, "hooks", WARNING, "the plugin pattern-tracker@market"),
    "bundle gone": (
        lambda b: configure(b, registered(b.home / "pattern-tracker")),
        "hooks", SERIOUS, "_tool_use.py is gone",
    ),
    "interpreter gone": (
        lambda b: configure(b, registered(python="/gone/python3")),
        "interpreter", SERIOUS, "/gone/python3 is gone",
    ),
    "interpreter broken": (
        lambda b: configure(b, registered(python="/bin/false")),
        "interpreter", SERIOUS, "does not start",
    ),
    "plugin moved": (
        moved_plugin, "hooks", SERIOUS, "gone: the plugin pattern-tracker@market is not loaded",
    ),
    "older copy": (older_copy, "version", WARNING, "0.0.1"),
    "all hooks disabled": (
        lambda b: configure(b, registered(disableAllHooks=True)),
        "policy", SERIOUS, "disableAllHooks",
    ),
    "switched off in settings": (
        lambda b: configure(b, registered(env={"PATTERN_TRACKING_ENABLED": "false"})),
        "tracking", SERIOUS, "settings.json",
    ),
    "variables differ": (
        lambda b: configure(b, registered(env={"PATTERN_CACHE_MAX_SIZE_MB": "10"})),
        "variables", WARNING, "this shell does not",
    ),
    "a link for a spool": (replace_spool, "cache", SERIOUS, "symbolic link"),
    "others may write": (lambda b: b.spool.chmod(0o777), "cache", SERIOUS, "others may write"),
    "others may write above": (
        lambda b: b.spool.parent.chmod(0o777), "cache", WARNING, "others may replace",
    ),
    "damaged ledger": (damage_ledger, "ledger", SERIOUS, "damaged"),
    "newer ledger": (make_newer, "ledger", SERIOUS, "newer version"),
    "ledger put aside": (
        lambda b: (b.spool / "ledger.db.damaged-1").touch(), "ledger", WARNING, "put aside",
    ),
    "quarantine": (put_aside, "quarantine", WARNING, "1 file could not be delivered"),
    "future": (put_into_future, "clock", WARNING, "1 waiting events are from the future"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", ["[z-a]", "(a+)+b", "x" * 501])
def test_a_pattern_of_ones_own_that_cannot_be_applied_is_found(well: Bundle, wrong: str) -> None:
    path = well.home / "pattern-tracker.redact.txt"
    root = well.home / "pattern-tracker"
    root.symlink_to(ROOT)
    configure(well, registered(root))
    assert examine(well)[1]["redaction"]["text"] == "none of your own"
    path.write_text(f"CORP-[0-9]+\n{wrong}\n")
    found = examine(well)[1]["redaction"]
    assert (found["level"], "line 2" in found["text"]) == (SERIOUS, True)
    assert "without their code" in found["text"]
    assert f"correct {path}" in found["fix"]
    path.write_text("\ufeffCORP-[0-9]+\n")
    assert examine(well)[1]["redaction"]["text"] == "1 of your own"


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS.keys())
def test_a_defect_is_found(
    well: Bundle, defect: tuple[Callable[[Bundle], object], str, str, str]
) -> None:
    spoil, name, level, text = defect
    spoil(well)
    project = {"CLAUDE_PROJECT_DIR": str(well.home / "p")}
    checks = examine(well, **project)[1]
    assert (checks[name]["level"], text in checks[name]["text"]) == (level, True), checks[name]


@pytest.mark.parametrize(
    ("environ", "name", "level"),
    [
        ({"PATTERN_TRACKING_ENABLED": "false"}, "tracking", SERIOUS),
        ({"PATTERN_CACHE_MAX_AGE_DAYS": "-1"}, "variables", WARNING),
        ({"INTELLIGENCE_SERVICE_URL": "https://example.com"}, "service", SERIOUS),
        ({"INTELLIGENCE_SERVICE_URL": "http://127.0.0.1:9"}, "service", WARNING),
        ({"PATTERN_CACHE_DIR": "/proc/nowhere"}, "cache", SERIOUS),
        ({"CLAUDE_CONFIG_DIR": "/nowhere", "CLAUDE_PROJECT_DIR": "/nowhere"}, "hooks", SERIOUS),
    ],
)
def test_a_variable_does_it(well: Bundle, environ: dict[str, str], name: str, level: str) -> None:
    assert examine(well, **environ)[1][name]["level"] == level


def test_a_service_that_answers_is_well_and_one_that_refuses_is_serious(
    well: Bundle, server: ServiceDouble
) -> None:
    well.environ["INTELLIGENCE_SERVICE_URL"] = server.url
    assert examine(well)[1]["service"]["text"] == f"{server.url} is well"
    with server.faults.during(Fault.STATUS, status=401):
        well.post(write_payload("/p/b.py", "x = 1\n", "2"))
        well.wait_flushed()
        service = examine(well)[1]["service"]
    assert (service["level"], "--token-file" in service["fix"]) == (SERIOUS, True)


def test_people_get_a_table_that_fits(well: Bundle) -> None:
    configure(well, registered(python="/gone/python3"))
    well.environ["COLUMNS"] = "60"
    done = well.command("doctor")
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert max(map(len, lines)) <= 60
    assert len(lines) <= 30
    assert "\x1b" not in done.stdout
    assert "serious  interpreter  /gone/python3 is gone" in done.stdout
    assert lines[-1] == "1 serious, 0 to look at"


def test_it_works_without_the_packages(well: Bundle, tmp_path: Path) -> None:
    """The bundle of a plugin has no environment of its own at first."""
    root = tmp_path / "pattern-tracker"
    root.mkdir()
    for part in ("lib", "bin", "hooks", "plugin.json"):
        (root / part).symlink_to(ROOT / part)
    configure(well, registered(root))
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "python3").symlink_to(INTERPRETER)
    environ = {**well.environ, "PATH": f"{tmp_path}/python:/usr/bin:/bin"}
    made = f"import sys; sys.path[:0] = [{str(root)!r}]; from lib.commands.cli import main; main()"
    done = subprocess.run(
        [INTERPRETER, "-I", "-S", "-c", made, "doctor"],
        env=environ, cwd=well.home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert "packages" in done.stdout


def site(tmp_path: Path, **changes: Any) -> Site:
    settings = Settings({"HOME": str(tmp_path), "PATTERN_CACHE_DIR": str(tmp_path / "spool")})
    (tmp_path / "spool").mkdir(mode=0o700, exist_ok=True)
    made = Site(str(ROOT), str(ROOT), {}, settings, [], [], None, time.time())
    return made._replace(**changes)


def test_a_managed_policy_outranks_the_user(tmp_path: Path) -> None:
    (tmp_path / "managed-settings.d").mkdir()
    (tmp_path / "managed-settings.json").write_text('{"disableAllHooks": false}')
    drop_in = tmp_path / "managed-settings.d" / "1.json"
    drop_in.write_text('{"allowManagedHooksOnly": true}')
    found = client_settings.sources(str(tmp_path / "none"), str(tmp_path / "none"), str(tmp_path))
    assert obstacle(found, [], {}) == ("allowManagedHooksOnly", str(drop_in))
    finding = hook_entries.policy(site(tmp_path, sources=found))
    assert (finding.level, str(drop_in) in finding.fix) == (SERIOUS, True)
    user = Source("user", "u", {"disableAllHooks": True, "allowManagedHooksOnly": True})
    assert obstacle([user, found[0]], [], {}) == ("", "")


PLUGIN = "the plugin pattern-tracker@market"


@pytest.mark.parametrize(
    ("where", "managed", "own", "environ", "setting"),
    [
        # Only what an administrator registered or enabled runs, and that does.
        ("u", {"allowManagedHooksOnly": True}, {}, {}, "allowManagedHooksOnly"),
        ("m", {"allowManagedHooksOnly": True}, {}, {}, ""),
        (PLUGIN, {"allowManagedHooksOnly": True}, {}, {}, "allowManagedHooksOnly"),
        (PLUGIN, {"allowManagedHooksOnly": True,
                  "enabledPlugins": {"pattern-tracker@market": True}}, {}, {}, ""),
        ("u", {"strictPluginOnlyCustomization": True}, {}, {}, "strictPluginOnlyCustomization"),
        ("u", {"strictPluginOnlyCustomization": ["hooks"]}, {}, {},
         "strictPluginOnlyCustomization"),
        ("u", {"strictPluginOnlyCustomization": ["skills"]}, {}, {}, ""),
        (PLUGIN, {"strictPluginOnlyCustomization": True}, {}, {}, ""),
        ("m", {"strictPluginOnlyCustomization": True}, {}, {}, ""),
        ("m", {}, {"disableAllHooks": True}, {}, ""),
        ("m", {"disableAllHooks": True}, {}, {}, "disableAllHooks"),
        ("u", {}, {}, {"CLAUDE_CODE_SAFE_MODE": "1"}, "CLAUDE_CODE_SAFE_MODE"),
        (PLUGIN, {}, {}, {"CLAUDE_CODE_SIMPLE": "true"}, "CLAUDE_CODE_SIMPLE"),
        ("u", {}, {}, {"CLAUDE_CODE_SAFE_MODE": "0"}, ""),
        ("m", {}, {}, {"CLAUDE_CODE_SAFE_MODE": "1"}, ""),
    ],
)  # fmt: skip
def test_what_keeps_hooks_from_running_depends_on_where_they_are_registered(
    tmp_path: Path, where: str, managed: Any, own: Any, environ: Any, setting: str
) -> None:
    found = [Source("user", "u", own), Source("managed", "m", managed)]
    entry = Entry("PostToolUse", "", "python3", "/b", where)
    made = site(tmp_path, sources=found, entries=[entry], environ=environ)
    finding = hook_entries.policy(made)
    assert (finding.level, finding.text.partition(" ")[0]) == (
        (SERIOUS, setting) if setting else (OK, "the")
    )
    # Another registration that runs is enough.
    both = [entry, entry._replace(where="m")]
    is_all = managed.get("disableAllHooks") is True
    assert bool(obstacle(found, both, environ)[0]) == is_all


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("{ /p/python3 -I -S /x/pattern-tracker/hooks/post_tool_use.py || cat; } || :",
         ("/p/python3", "/x/pattern-tracker")),
        ("'/p q/python3' -I '/x y/pattern-tracker/hooks/post_tool_use.py'",
         ("/p q/python3", "/x y/pattern-tracker")),
        ("echo pattern-tracker", ("", "")),
        ("python3 /x/others/hooks/post_tool_use.py", ("", "")),
        ("python3 '/x/pattern-tracker/hooks/post_tool_use.py", ("", "")),
    ],
)  # fmt: skip
def test_a_strangers_command_is_not_ours(command: str, found: tuple[str, str]) -> None:
    assert client_settings.parse(command, "post_tool_use.py") == found


STATUS: Facts = {
    "enabled": True, "captured": 3, "pending": 2, "quarantined": 0, "delivered": 0,
    "dropped": {}, "steps": {}, "skipped": {}, "oldest_pending": None, "last_capture": None,
    "service": {"url": None, "problem": None, "last_delivery": None, "next_attempt_in": 0.0,
                "backlog": None},
    "flusher": {"running": False, "last_run": None, "last_error": None, "last_delivery": None},
    "environment": {"state": "ready"}, "interpreter": {}, "mounts": {}, "health": {},
    "circuit_breaker": {"state": "closed", "available_in": 0.0},
    "cache_dir": "", "command": "", "ledgers_put_aside": 0, "warnings": [],
    "services": {}, "books": {}, "hints": {"given": 0, "last": None},
}  # fmt: skip


def at(seconds_ago: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - seconds_ago))


def test_events_that_wait_long_without_a_run_are_serious(tmp_path: Path) -> None:
    def check(waited: float, problem: str | None = None) -> Finding:
        service = {"url": "x", "problem": problem}
        status = {**STATUS, "oldest_pending": at(waited), "service": service}
        return reachability.flusher(site(tmp_path, status=status))

    assert check(5).level == "ok"
    assert check(3600).level == SERIOUS
    assert check(3600, "unwell: HTTP 503").level == WARNING


def test_a_flusher_that_hangs_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; from lib.system.lock import Lock; Lock(sys.argv[1]).acquire();"
        "print(flush=True); input()"
    )
    found = site(tmp_path, status={**STATUS, "oldest_pending": at(3600)})
    with subprocess.Popen(
        [sys.executable, "-c", code, f"{found.directory}/flusher.lock"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        holder.stdout.readline()
        finding = reachability.flusher(found)
        holder.communicate(b"\n")
    assert finding.level == SERIOUS
    if sys.platform == "linux":
        assert finding.fix == f"kill {holder.pid}"
    assert "waited" in reachability.flusher(found).text


def test_losses_are_named_and_what_is_meant_to_be_left_out_is_not(tmp_path: Path) -> None:
    status = {**STATUS, "dropped": {"expired": 2, "unchanged": 1}, "skipped": {"secret": 5}}
    finding = kept_data.dropped(site(tmp_path, status=status))
    assert (finding.level, finding.text) == (WARNING, "2 expired")
    status["skipped"] = {"failed": 1}
    assert kept_data.dropped(site(tmp_path, status=status)).text == "2 expired, 1 failed"
    status.update(dropped={}, skipped={"secret": 5})
    assert kept_data.dropped(site(tmp_path, status=status)).level == "ok"


def test_a_broken_environment_is_serious_only_for_a_service(tmp_path: Path) -> None:
    root = tmp_path / "pattern-tracker"
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "python").symlink_to("/gone/python3")
    entry = Entry("PostToolUse", "", "python3", str(root), "here")
    broken = site(tmp_path, bundle=str(root), entries=[entry])
    assert reachability.packages(broken).level == WARNING
    service: Service = {**STATUS["service"], "url": "http://localhost:1"}
    served: Facts = {**STATUS, "service": service}
    assert reachability.packages(broken._replace(status=served)).level == SERIOUS


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 s"), (42, "42 s"), (300, "5 min"), (9000, "2 h"), (3e5, "3 days")]
)
def test_ages_are_short(seconds: float, text: str) -> None:
    assert age(seconds) == text
