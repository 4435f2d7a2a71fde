"""Track patterns from other Python code.

    from lib.pattern_tracker import PatternTracker

    tracker = await PatternTracker.get_instance()
    result = await tracker.track_pattern_creation(code, {"file_path": "src/retry.py"})

The event is on disk before the first await yields, so a program that ends right after the call
loses nothing. Nothing here raises.
"""

import os
import time
from collections.abc import Iterable
from typing import Any, ClassVar

from lib.capture import event as events
from lib.capture import identity
from lib.capture.event import Content
from lib.privacy.excluded import is_private
from lib.resilience.client import ResilientAPIClient
from lib.system import logger
from lib.system.digest import hex_digest
from lib.system.settings import Settings

Context = dict[str, Any]
Result = dict[str, Any]
# How many calls are remembered, so that the same call again is the same event.
MAX_REMEMBERED = 10_000


class PatternTracker:
    """Tracks patterns through `api_client`, which may be tuned at any time.

    Args:
        base_url: see `ResilientAPIClient`.
        enable_tracking: False, or PATTERN_TRACKING_ENABLED=false, and nothing is tracked.
        api_client: one of your own, for tests or for settings that the environment does not have.

    `context` of the methods: file_path, language, tool_name, pattern_type, reason, session_id; all
    optional. They return {"success": True, "pattern_id": ...}, or {"success": False, "cached":
    True, "event_id": ..., "pattern_id": ...} for an event that waits on disk; "message" says more.
    """

    _instance: ClassVar["PatternTracker | None"] = None

    def __init__(
        self,
        base_url: str | None = None,
        enable_tracking: bool = True,
        *,
        api_client: ResilientAPIClient | None = None,
    ) -> None:
        settings = Settings(os.environ)
        self.enabled = enable_tracking and settings.enabled
        self._keep_content = settings.keep_content
        self._keep_prompts = settings.keep_prompts
        self._config_dir = settings.config_dir
        self.api_client = api_client or ResilientAPIClient(base_url)
        self.base_url = self.api_client.base_url
        # Calls of this process, apart from those of any other.
        self._salt = os.urandom(8).hex()
        self._results: dict[str, Result] = {}

    @classmethod
    async def get_instance(cls) -> "PatternTracker":
        """Return the tracker of this process, made at the first call."""
        if PatternTracker._instance is None:
            PatternTracker._instance = cls()
        return PatternTracker._instance

    @classmethod
    def reset_instance(cls) -> None:
        """Forget the tracker of this process, so that `get_instance` makes a new one."""
        PatternTracker._instance = None

    async def track_pattern_creation(
        self, code: str, context: Context, parent_pattern_ids: "Iterable[str] | None" = None
    ) -> Result:
        """Track new code, derived from the patterns `parent_pattern_ids` if any are given."""
        return await self._track(
            "pattern_created", code, context, parent_pattern_ids or (), "derived_from"
        )

    async def track_pattern_modification(
        self, pattern_id: str, new_code: str, context: Context, reason: str | None = None
    ) -> Result:
        """Track that the pattern `pattern_id` became `new_code`, for a `reason` if one is given."""
        return await self._track(
            "pattern_modified", new_code, context, [pattern_id], "modified_from", reason
        )

    async def track_pattern_application(self, pattern_id: str, context: Context) -> Result:
        """Track that the pattern `pattern_id` was used."""
        return await self._track("pattern_applied", "", context, [], None, subject=pattern_id)

    async def track_pattern_merge(
        self,
        source_pattern_ids: "Iterable[str]",
        merged_code: str,
        context: Context,
        reason: str | None = None,
    ) -> Result:
        """Track that the patterns `source_pattern_ids` became one, `merged_code`."""
        return await self._track(
            "pattern_merged", merged_code, context, source_pattern_ids, "merged_from", reason
        )

    async def sync_offline_events(self) -> "dict[str, Any]":
        """Deliver what waits on disk: {"success": bool, "sync_stats": {"synced", "failed", ...}}.

        success: nothing failed and nothing was skipped. An open circuit does not stop this where
        the service says that it is well again.
        """
        client = self.api_client
        is_open = bool(client.base_url) and client.circuit_breaker.available_in() > 0
        if is_open and await client.health_checker.check_health(force=True):
            client.circuit_breaker.reset()
        stats = await client.cache.sync_cached_events(client)
        return {"success": not stats["failed"] and not stats["skipped"], "sync_stats": stats}

    async def get_tracker_stats(self) -> "dict[str, Any]":
        """Return {"tracker": {"enabled", "base_url", "cached_patterns"}, "resilience": {...}}.

        cached_patterns: the events that wait on disk. resilience: see
        `ResilientAPIClient.get_stats`.
        """
        found = await self.api_client.get_stats()
        tracker = {
            "enabled": self.enabled,
            "base_url": self.base_url,
            "cached_patterns": found["cache"]["pending_events"],
        }
        return {"tracker": tracker, "resilience": found}

    async def _track(
        self,
        event_type: str,
        code: str,
        context: Context,
        parent_pattern_ids: Iterable[str],
        edge: str | None,
        reason: str | None = None,
        subject: str = "",
    ) -> Result:
        pattern_id = ""
        try:
            if not self.enabled:
                return _untracked("tracking is off")
            parents = list(parent_pattern_ids)
            given = context if isinstance(context, dict) else {}
            known = {k: v for k, v in given.items() if isinstance(v, str)}
            if is_private(known.get("file_path", ""), self._config_dir):
                return _untracked("by its name, the file holds secrets, or is Claude Code's own")
            content = _content(code, known)
            pattern_id = subject or content.pattern_id
            if not all(map(identity.is_valid_id, [pattern_id, *parents])):
                return _untracked("a pattern id may hold letters, digits and ._:+@- only")
            if parents == [pattern_id]:
                return {"success": True, "pattern_id": pattern_id, "message": "nothing changed"}
            made = self._event(event_type, content, pattern_id, known, parents)
            body = made["event_data"]
            body.update(parent_pattern_ids=parents, edge_type=edge if parents else None)
            body.update(reason=_text(reason) or known.get("reason"), triggered_by="library")
            return await self._once(made, pattern_id)
        except Exception as error:
            logger.warning("a pattern could not be tracked: %r", error)
            return _untracked(f"not tracked: {error!r}", pattern_id)

    async def _once(self, made: "dict[str, Any]", pattern_id: str) -> Result:
        identifier = made["event_id"]
        if identifier in self._results:
            return dict(self._results[identifier])
        if len(self._results) >= MAX_REMEMBERED:
            self._results.clear()
        waiting = {"success": False, "cached": True, "event_id": identifier}
        self._results[identifier] = {**waiting, "pattern_id": pattern_id, "message": "under way"}
        result = {**await self.api_client.track_event(made), "pattern_id": pattern_id}
        if result["success"] or result["cached"]:
            self._results[identifier] = result
        else:
            del self._results[identifier]
        return dict(result)

    def _event(
        self,
        event_type: str,
        content: Content,
        pattern_id: str,
        known: dict[str, str],
        parents: list[str],
    ) -> "dict[str, Any]":
        captured_ns = time.time_ns()
        made: dict[str, Any] = events.build(
            event_type,
            content,
            path=known.get("file_path", ""),
            tool_name=known.get("tool_name", ""),
            session_id=known.get("session_id", ""),
            captured_ns=captured_ns,
        )
        made["pattern_id"] = made["event_data"]["pattern_id"] = pattern_id
        made["content_pattern_id"] = pattern_id
        if event_type == "pattern_applied" or not self._keep_content:
            events.forget_content(made)
        if not self._keep_prompts:
            made["prompts"] = False
        # The same code, parents and context in this process: the same event.
        parts = [event_type, pattern_id, content.code, *parents, *map(str, sorted(known.items()))]
        said = "\0".join(parts)
        identifier = hex_digest(f"{self._salt}\0{said}")[:32]
        made["event_id"] = made["event_data"]["pattern_data"]["event_id"] = identifier
        return made


def _content(code: object, known: dict[str, str]) -> Content:
    if not isinstance(code, str):
        raise TypeError("code is not a string")
    path = known.get("file_path", "")
    return Content(code, path, known.get("language", ""), known.get("pattern_type", ""))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _untracked(message: str, pattern_id: str = "") -> Result:
    return {"success": False, "cached": False, "pattern_id": pattern_id, "message": message}


async def track_write_tool_pattern(file_path: str, content: str, language: str = "") -> Result:
    """Track a file that was written, with the tracker of this process."""
    tracker = await PatternTracker.get_instance()
    context = {"file_path": file_path, "language": language, "tool_name": "Write"}
    return await tracker.track_pattern_creation(content, context)


async def track_edit_tool_pattern(file_path: str, pattern_id: str, new_content: str) -> Result:
    """Track a file that was edited and held the pattern `pattern_id` before."""
    tracker = await PatternTracker.get_instance()
    context = {"file_path": file_path, "tool_name": "Edit"}
    return await tracker.track_pattern_modification(pattern_id, new_content, context)
