"""The sheet for this machine's browser alone, which saves decisions as they are made.

Other pages in the same browser, and other programs of other users, can reach a port of this
machine. So the address holds a secret; the Host header must be ours, else a name of someone else's
that was made to lead here could read all; and only our own page may write. What is served is what
was listed at the start: no path is built from what is asked for.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any, Self
from urllib.parse import unquote

from lofigen_kit.audition import decisions, page
from lofigen_kit.audition.decisions import Decision, Decisions, resolve_place
from lofigen_kit.audition.takes import SheetRow
from lofigen_kit.errors import InputError, LofigenError, RenderError

ADDRESS = "127.0.0.1"
MAX_BODY = 4 << 20
TIMEOUT_S = 30.0
_BLOCK = 1 << 16
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class DecisionStore:
    """The decisions of a folder, in memory and in its `decisions.json`.

    Args:
        folder: Where the file lies or will lie.

    Raises:
        InputError: if there is a file that holds something else.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / decisions.NAME
        self._lock = Lock()
        before = decisions.read(self.path).decisions if self.path.exists() else {}
        self._whole = Decisions(sheet=page.get_sheet_name(folder), decisions=before)

    def text(self) -> str:
        """Return the file's text as it is now."""
        return self._whole.to_json()

    def apply_changes(self, changes: Mapping[str, Decision]) -> None:
        """Take decisions in and write the file; one that is of nothing takes one back.

        Raises:
            LofigenError: if it cannot be written; then nothing has changed.
        """
        from lofigen_kit.runtime.files import explain_write_errors, write_atomic

        with self._lock, explain_write_errors(self.path):
            merged = {**self._whole.decisions, **changes}
            made = {place: one for place, one in merged.items() if one.verdict or one.stars}
            whole = Decisions(sheet=self._whole.sheet, decisions=made)
            write_atomic(self.path, whole.to_json().encode())
            self._whole = whole


class Server:
    """A server of one sheet, on this machine's own address.

    Args:
        folder: Of the takes; `decisions.json` is kept there.
        takes: What to show.
        port: Where to listen; 0 is any that is free.

    Attributes:
        url: What to open.

    Raises:
        InputError: if the port is taken, or `decisions.json` is something else.
    """

    def __init__(self, folder: Path, takes: Sequence[SheetRow], port: int = 0) -> None:
        urls = page.link_sounds(takes)
        made = page.make_page(folder, takes, media=page.SERVED, urls=urls)
        token = secrets.token_urlsafe(32)
        site = _Site(token, folder, made, frozenset(urls), DecisionStore(folder))
        try:
            self._server = _Listener(port, site)
        except OSError as error:
            raise InputError(
                f"cannot listen ({error.strerror})",
                where=f"--port {port}",
                remedy="leave --port out, and a free one is taken",
            ) from None
        self.url = f"http://{ADDRESS}:{self._server.server_port}/{token}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def run(self) -> None:
        """Serve until Ctrl-C or `stop`."""
        try:
            self._server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            return

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._server.shutdown()


class _Site:
    """What there is to serve, and to whom."""

    def __init__(
        self, token: str, folder: Path, made: page.Page, places: frozenset[str], book: DecisionStore
    ) -> None:
        self.token, self.folder, self.places, self.book = token, folder, places, book
        self.html = made.html.encode()
        self.policy = f"{made.policy}; frame-ancestors 'none'"


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a player that holds its connection must not hold up the end
    allow_reuse_address = os.name != "nt"  # where it would let two programs share a port

    def __init__(self, port: int, site: _Site) -> None:
        self.site = site
        super().__init__((ADDRESS, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has gone away in the middle of a sound."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "lofigen-kit", ""
    timeout = TIMEOUT_S
    server: _Listener

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep the secret out of terminals and logs."""

    def do_GET(self) -> None:
        """Give the page, the decisions or a sound."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Give the headers alone."""
        self._answer(with_body=False)

    def do_PUT(self) -> None:
        """Take decisions in."""
        self.close_connection = True  # a body that is refused is not read
        place = self._place()
        if place is None:
            return
        if place != decisions.NAME:
            self._refuse(HTTPStatus.NOT_FOUND, "nothing can be written here")
        elif self.headers.get("Origin") != f"http://{self._host()}":
            self._refuse(HTTPStatus.FORBIDDEN, "another page may not write")
        elif self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "this is no JSON")
        else:
            self._save()

    def _save(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "its length is not said")
            return
        if len(length) > 9 or int(length) > MAX_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"it is larger than {MAX_BODY} bytes")
            return
        site = self.server.site
        try:
            made = decisions.parse(self.rfile.read(int(length)), where="the request").decisions
            if unknown := next((place for place in made if place not in site.places), None):
                raise InputError(f"no such take is here: {unknown!r}")
            site.book.apply_changes(made)
        except RenderError as error:
            self._refuse(HTTPStatus.INSUFFICIENT_STORAGE, str(error))
        except LofigenError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        else:
            self._send(HTTPStatus.NO_CONTENT, {})

    def _answer(self, *, with_body: bool) -> None:
        place = self._place()
        site = self.server.site
        if place is None:
            return
        if place in ("", decisions.NAME):
            body, kind = (
                (site.book.text().encode(), "application/json")
                if place
                else (site.html, "text/html; charset=utf-8")
            )
            headers = {"Content-Type": kind, "Content-Length": str(len(body))}
            self._send(HTTPStatus.OK, headers)
            if with_body:
                self.wfile.write(body)
        elif place in site.places and (path := resolve_place(site.folder, place)):
            self._send_sound(path, with_body=with_body)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such take")

    def _place(self) -> str | None:
        """Return what is asked for, or None where it was refused: unasked, or by a stranger."""
        first, slash, rest = self.path.partition("?")[0].removeprefix("/").partition("/")
        if self.headers.get_all("Host", []) != [self._host()]:
            self._refuse(HTTPStatus.FORBIDDEN, "this is not the host's name")
        elif not (slash and hmac.compare_digest(first.encode(), self.server.site.token.encode())):
            self._refuse(HTTPStatus.FORBIDDEN, "open the whole address that the command printed")
        else:
            return unquote(rest, errors="replace")
        return None

    def _host(self) -> str:
        return f"{ADDRESS}:{self.server.server_port}"

    def _send_sound(self, path: Path, *, with_body: bool) -> None:
        """Give a sound, or the part of it that was asked for."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            part = _range(self.headers.get("Range"), size)
            if part is None:
                self._send(
                    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                    {"Content-Range": f"bytes */{size}", "Content-Length": "0"},
                )
                return
            start, stop = part
            headers = {
                "Content-Type": page.find_mime_type(path.name),
                "Content-Length": str(stop - start),
                "Accept-Ranges": "bytes",
            }
            if "Range" in self.headers:
                headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
            is_part = "Range" in self.headers
            self._send(HTTPStatus.PARTIAL_CONTENT if is_part else HTTPStatus.OK, headers)
            file.seek(start)
            while with_body and start < stop and (block := file.read(min(_BLOCK, stop - start))):
                self.wfile.write(block)
                start += len(block)
            self.close_connection |= with_body and start < stop  # it has become shorter meanwhile

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        body = message.encode()
        self.close_connection = True
        self._send(
            status, {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))}
        )
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send(self, status: HTTPStatus, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        policy = {"Content-Security-Policy": self.server.site.policy}
        closing = {"Connection": "close"} if self.close_connection else {}
        for name, value in {**_HEADERS, **policy, **closing, **headers}.items():
            self.send_header(name, value)
        self.end_headers()


def _range(asked: str | None, size: int) -> tuple[int, int] | None:
    """Return where a part begins and ends, or None where there is none like that.

    One range is all that a player asks for; of several, or of what is no range, all is given.
    """
    unit, _, places = (asked or "").partition("=")
    first, dash, last = places.strip().partition("-")
    is_one = all(c in "0123456789" for c in first + last) and first + last and len(places) < 40
    if unit != "bytes" or not dash or not is_one:
        return 0, size
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    return (start, stop) if start < stop else None
