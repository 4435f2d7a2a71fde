"""A Messages API on loopback that answers with scripted tool calls, to drive the real client."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

Call = tuple[str, dict[str, Any]]
USAGE = {"input_tokens": 1, "output_tokens": 1}
# Seconds that each answer takes to be made: with none, calls follow one another as no model's do.
THINKING = 0.0


class Times:
    """When each answer was asked for, by what, and given, and whether all calls were made."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.asked: dict[int, float] = {}
        self.answered: dict[int, float] = {}
        self.done = threading.Event()


@contextmanager
def scripted(
    turns: list[list[Call]],
    agents: dict[str, list[list[Call]]] | None = None,
    prompts: dict[str, list[list[Call]]] | None = None,
    clock: Times | None = None,
) -> Iterator[str]:
    """Serve `turns`, each the tool calls of one answer; yields the base URL.

    `agents` are the turns of subagents, by what those are asked: their model is called so, and
    their calls' ids begin so. `prompts` are the turns that answer a prompt in which a word is.
    `clock` is told of the times.
    """

    class Handler(_Handler):
        script = turns
        others = agents or {}
        asked = prompts or {}
        times = clock or Times()

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that was killed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes: one would wait 40 ms until the other is acknowledged.
    disable_nagle_algorithm = True
    script: list[list[Call]]
    others: dict[str, list[list[Call]]]
    asked: dict[str, list[list[Call]]]
    answers = count(1)
    times: Times

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output quiet."""

    def do_HEAD(self) -> None:
        self._send(b"", "application/json")

    def do_GET(self) -> None:
        self._send(b"{}", "application/json")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        now = time.perf_counter()
        time.sleep(THINKING)
        request = json.loads(body or b"{}")
        if "count_tokens" in self.path:
            self._send(b'{"input_tokens": 1}', "application/json")
            return
        asked = json.dumps(request.get("messages", [])[:1])
        agent = next((name for name in self.others if name in asked), "")
        content, reason = self._answer(request, agent)
        is_timed = bool(request.get("tools")) and not agent
        if is_timed:
            self.times.asked.setdefault(_given(request), now)
            self.times.requests.append(json.dumps(request["messages"]))
        if is_timed and _given(request) >= len(self.script):
            self.times.done.set()
        # The client takes answers with the same id for one answer.
        identifier = f"msg_{len(request.get('messages', []))}"
        if self.asked:
            content, reason = self._answer_to_prompt(request)
            identifier = f"msg_{next(self.answers)}"
        message = {"id": identifier, "type": "message", "role": "assistant",
                   "model": agent or "scripted",
                   "content": content, "stop_reason": reason, "stop_sequence": None,
                   "usage": USAGE}  # fmt: skip
        if request.get("stream"):
            self._send("".join(_stream(message)).encode(), "text/event-stream")
        else:
            self._send(json.dumps(message).encode(), "application/json")
        if is_timed:
            self.times.answered.setdefault(_given(request), time.perf_counter())

    def _answer(self, request: dict[str, Any], agent: str) -> tuple[list[dict[str, Any]], str]:
        given = _given(request)
        script = self.others[agent] if agent else self.script
        if not request.get("tools") or given >= len(script):
            return [{"type": "text", "text": "done"}], "end_turn"
        uses = [
            {
                "type": "tool_use",
                "id": f"{agent}toolu_{given:03}{i:03}",
                "name": name,
                "input": arguments,
            }
            for i, (name, arguments) in enumerate(script[given])
        ]
        return uses, "tool_use"

    def _answer_to_prompt(self, request: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
        """Answer by the newest prompt that has a known word: calls are in order since that."""
        given = 0
        for message in reversed(request.get("messages", []) if request.get("tools") else []):
            given += message.get("role") == "assistant"
            text = json.dumps(message) if message.get("role") == "user" else ""
            found = next((turns for word, turns in self.asked.items() if word in text), None)
            if found is not None:
                calls = found[given] if given < len(found) else []
                uses = [
                    {"type": "tool_use", "id": f"toolu_{next(self.answers):06}",
                     "name": name, "input": arguments} for name, arguments in calls
                ]  # fmt: skip
                if uses:
                    return uses, "tool_use"
                break
        return [{"type": "text", "text": "finished"}], "end_turn"

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _given(request: dict[str, Any]) -> int:
    return sum(m.get("role") == "assistant" for m in request.get("messages", []))


def _stream(message: dict[str, Any]) -> Iterator[str]:
    """`message` as server-sent events."""
    yield _event("message_start", message={**message, "content": [], "stop_reason": None})
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            start = {**block, "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            start = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield _event("content_block_start", index=index, content_block=start)
        yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=stop, usage=USAGE)
    yield _event("message_stop")


def _event(kind: str, **data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n"
