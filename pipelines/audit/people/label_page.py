"""A page on loopback where a person labels rows, one at a time, blind.

It listens on 127.0.0.1 alone, answers only those who came by its own address, and takes a label
only with the token that its page holds: no other page in the same browser can give one.
"""

import secrets
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from typing_extensions import override

from pipelines.audit.people.labels import Item

Labels = dict[str, str | float]
_LONGEST = 10_000
"""Bytes of a form; a label takes a hundred."""
_PAGE = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
).get_template("label.html.j2")


class LabelServer(ThreadingHTTPServer):
    """Shows `items`; after each label `keep` is called with all there are."""

    daemon_threads = True

    def __init__(self, items: list[Item], labels: Labels, keep: Callable[[Labels], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.items, self.labels, self.keep = items, labels, keep
        self.token = secrets.token_urlsafe(16)
        self.lock = threading.Lock()

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://{self.host}/{self.token}/"

    @property
    def host(self) -> str:
        """What the requests of its own page name."""
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def next(self) -> int:
        """The first row without a label, or the last."""
        left = (i for i, item in enumerate(self.items) if item.id not in self.labels)
        return next(left, len(self.items) - 1)


class _Handler(BaseHTTPRequestHandler):
    server: LabelServer
    timeout = 10.0
    """Seconds for a request: a body that never ends holds no thread."""

    def do_GET(self) -> None:
        """The page of a row; without one the first that has no label."""
        if (place := self._place()) is None:
            return self._send(404, "text/plain", "there is no such page")
        server, nonce = self.server, secrets.token_urlsafe(12)
        item = server.items[place]
        shown = _PAGE.render(
            items=server.items, place=place, item=item, token=server.token, nonce=nonce,
            done=sum(each.id in server.labels for each in server.items),
            before=_said(item, server.labels.get(item.id)),
        )  # fmt: skip
        return self._send(200, "text/html; charset=utf-8", shown, nonce)

    def do_POST(self) -> None:
        """Keep a label, and go on to the next row."""
        place, form = self._place(), self._form()
        token = form.get("token", [""])[0].encode()
        if place is None or not secrets.compare_digest(token, self.server.token.encode()):
            return self._send(403, "text/plain", "this page may not label")
        item = self.server.items[place]
        try:
            label = item.label(form.get("said", [""])[0])
        except ValueError as error:
            return self._send(400, "text/plain", str(error))
        with self.server.lock:
            # On the disk first: what is shown as labelled is kept.
            self.server.keep({**self.server.labels, item.id: label})
            self.server.labels[item.id] = label
        after = self.server.next
        return self._send(303, "text/plain", "", location=f"/{self.server.token}/?row={after}")

    def _form(self) -> dict[str, list[str]]:
        """What was sent; nothing of a body that is larger than a label, or of no known length."""
        told = self.headers.get("content-length", "")
        length = int(told) if told.isascii() and told.isdecimal() and len(told) < 6 else 0
        return parse_qs(self.rfile.read(min(length, _LONGEST)).decode("utf-8", "replace"))

    def _place(self) -> int | None:
        """The row that is asked for; None for who does not come by the server's own address."""
        try:
            where = urlsplit(self.path)
        except ValueError:
            return None
        if self.headers.get("host") != self.server.host or where.path != f"/{self.server.token}/":
            return None
        row = parse_qs(where.query).get("row", [str(self.server.next)])[0]
        known = row.isascii() and row.isdecimal() and len(row) < 10
        return int(row) if known and int(row) < len(self.server.items) else None

    def _send(self, code: int, kind: str, text: str, nonce: str = "", location: str = "") -> None:
        content = text.encode("utf-8", "replace")
        self.send_response(code)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.send_header("cache-control", "no-store")
        self.send_header("referrer-policy", "no-referrer")
        policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'"
        policy = f"{policy}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        self.send_header("content-security-policy", policy)
        self.send_header("x-content-type-options", "nosniff")
        if location:
            self.send_header("location", location)
        self.end_headers()
        self.wfile.write(content)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the address holds the token."""


def _said(item: Item, label: str | float | None) -> str:
    """What of the page's buttons gave the label; none for one of another scale."""
    return next((said for said, _ in item.buttons if item.label(said) == label), "")
