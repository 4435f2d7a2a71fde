"""Transcripts as the client writes them, a line at a time."""

import json
import uuid
from pathlib import Path
from typing import Any


class Writer:
    """Appends the lines of a session to its transcript in `directory`.

    `tells` is False for an earlier client, which does not tell the ids of prompts.
    """

    def __init__(self, directory: Path, session_id: str = "s-1", tells: bool = True) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.session_id = session_id
        self.path = directory / f"{session_id}.jsonl"
        self.prompt_id = ""
        self.fields: dict[str, Any] = {}
        self._tells = tells
        self._parent: str | None = None

    def add(self, record: dict[str, Any] | str) -> None:
        """Append a line."""
        text = record if isinstance(record, str) else json.dumps(record) + "\n"
        with self.path.open("a") as file:
            file.write(text)

    def line(self, kind: str, message: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Append a line of the conversation, whose parent is the one before."""
        record = {
            "parentUuid": self._parent, "isSidechain": False, "type": kind, "message": message,
            "uuid": str(uuid.uuid4()), "timestamp": "2026-11-25T04:29:25.830Z",
            "cwd": "/home/dev/project", "sessionId": self.session_id, "version": "2.1.197",
            "gitBranch": "main", **self.fields, **more,
        }  # fmt: skip
        self._parent = record["uuid"]
        self.add(record)
        return record

    def prompt(self, content: Any, **more: Any) -> str:
        """Append a prompt; its id."""
        told = {"promptId": str(uuid.uuid4())} if self._tells else {}
        record = self.line("user", {"role": "user", "content": content}, **{**told, **more})
        self.prompt_id = str(record.get("promptId") or record["uuid"])
        return self.prompt_id

    def use(self, tool_use_id: str, name: str = "Write", model: str = "m-1", **given: Any) -> str:
        """Append the call of a tool; the uuid of its line."""
        block = {"type": "tool_use", "id": tool_use_id, "name": name, "input": given}
        message = {"role": "assistant", "model": model, "content": [block]}
        return str(self.line("assistant", message)["uuid"])

    def result(self, tool_use_id: str, answer: Any = None, is_error: bool = False) -> None:
        """Append what came of a call."""
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": tool_use_id}
        block |= {"content": "done", **({"is_error": True} if is_error else {})}
        told = {"promptId": self.prompt_id} if self._tells else {}
        self.line("user", {"role": "user", "content": [block]}, toolUseResult=answer, **told)

    def title(self, text: str, kind: str = "ai-title", name: str = "aiTitle") -> None:
        """Append a title, by default the client's own."""
        self.add({"type": kind, name: text, "sessionId": self.session_id})
