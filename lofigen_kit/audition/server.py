"""Serve the sheet to a browser on this machine, and save decisions immediately.

Other web pages in the browser, and programs of other users, can also reach a local port. So the URL
contains a secret token; the Host header is checked, against DNS rebinding; and only the sheet's own
page may write. Only the files listed at the start are served: no path is built from a request.
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
from lofigen_kit.audition.decisions import Decision, Decisions
from lofigen_kit.audition.takes import SheetRow
from lofigen_kit.errors import InputError, LofigenError, RenderError
from lofigen_kit.runtime.locks import DECISIONS_LOCK, lock_folder
from lofigen_kit.runtime.places import resolve_place

ADDRESS = "127.0.0.1"
MAX_BODY = 4 << 20
TIMEOUT_S = 30.0
MAX_RANGE = 1 << 20
"""The most bytes in the answer to a Range without an end. A browser asks for the rest when it needs
it, and holds none of its six connections meanwhile: a take may be heard as 16 parts."""
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
    """The decisions of a folder, in its `decisions.json`, which several servers may share.

    Args:
        folder: The folder of the file.

    Raises:
        InputError: if the file exists and is not valid.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / decisions.NAME
        self._lock = Lock()
        self._sheet = page.get_sheet_name(folder)
        self._read()

    def text(self) -> str:
        """Return the current text of the file.

        Raises:
            InputError: if the file is no longer valid.
        """
        return self._read().to_json()

    def _read(self) -> Decisions:
        stored = decisions.read(self.path).decisions if self.path.exists() else {}
        return Decisions(sheet=self._sheet, decisions=stored)

    def apply_changes(self, changes: Mapping[str, Decision]) -> None:
        """Add decisions and write the file; an empty decision removes an earlier one.

        Raises:
            LofigenError: if the file cannot be written; nothing is then changed.
        """
        from lofigen_kit.runtime.files import explain_write_errors, write_atomic

        with self._lock, lock_folder(self.path.parent, name=DECISIONS_LOCK, wait=True):
            merged = {**self._read().decisions, **changes}
            valid = {place: one for place, one in merged.items() if one.verdict or one.stars}
            updated = Decisions(sheet=self._sheet, decisions=valid)
            with explain_write_errors(self.path):
                write_atomic(self.path, updated.to_json().encode())


class Server:
    """A server of one sheet, on the loopback address.

    Args:
        folder: The folder of the takes and of `decisions.json`.
        takes: The rows of the sheet.
        port: The port; 0 chooses a free one.

    Attributes:
        url: The URL to open.

    Raises:
        InputError: if the port is in use, or `decisions.json` is not valid.
    """

    def __init__(self, folder: Path, takes: Sequence[SheetRow], port: int = 0) -> None:
        urls = page.link_sounds(takes)
        sheet = page.make_page(folder, takes, media=page.SERVED, urls=urls)
        token = secrets.token_urlsafe(32)
        site = _Site(token, folder, sheet, frozenset(urls), DecisionStore(folder))
        try:
            self._server = _Listener(port, site)
        except OSError as error:
            raise InputError(
                f"the port cannot be used ({error.strerror})",
                where=f"--port {port}",
                remedy="leave out --port to use a free one",
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
    """The content of the server, and the token that its URL requires."""

    def __init__(
        self,
        token: str,
        folder: Path,
        sheet: page.Page,
        places: frozenset[str],
        store: DecisionStore,
    ) -> None:
        self.token, self.folder, self.places, self.store = token, folder, places, store
        self.html = sheet.html.encode()
        self.policy = f"{sheet.policy}; frame-ancestors 'none'"


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a player's open connection must not delay the end
    allow_reuse_address = os.name != "nt"  # on Windows two programs could then share a port

    def __init__(self, port: int, site: _Site) -> None:
        self.site = site
        super().__init__((ADDRESS, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of browsers that close a connection early."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "lofigen-kit", ""
    timeout = TIMEOUT_S
    server: _Listener

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing, so that the token does not appear in terminals and logs."""

    def do_GET(self) -> None:
        """Send the page, the decisions or a sound."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Send only the headers."""
        self._answer(with_body=False)

    def do_PUT(self) -> None:
        """Save decisions."""
        self.close_connection = True  # the body of a refused request is not read
        place = self._place()
        if place is None:
            return
        if place != decisions.NAME:
            self._refuse(HTTPStatus.NOT_FOUND, "nothing can be written here")
        elif self.headers.get("Origin") != f"http://{self._host()}":
            self._refuse(HTTPStatus.FORBIDDEN, "other pages may not write")
        elif self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the content type must be JSON")
        else:
            self._save()

    def _save(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "the request needs a Content-Length")
            return
        if len(length) > 9 or int(length) > MAX_BODY:
            self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the request is larger than {MAX_BODY} bytes"
            )
            return
        site = self.server.site
        try:
            changes = decisions.parse(self.rfile.read(int(length)), where="the request").decisions
            if unknown := next((place for place in changes if place not in site.places), None):
                raise InputError(f"there is no take {unknown!r}")
            site.store.apply_changes(changes)
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
            try:
                body, kind = (
                    (site.store.text().encode(), "application/json")
                    if place
                    else (site.html, "text/html; charset=utf-8")
                )
            except LofigenError as error:  # the file was spoilt meanwhile
                self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
                return
            headers = {"Content-Type": kind, "Content-Length": str(len(body))}
            self._send(HTTPStatus.OK, headers)
            if with_body:
                self.wfile.write(body)
        elif place in site.places and (path := resolve_place(site.folder, place)):
            self._send_sound(path, with_body=with_body)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such take")

    def _place(self) -> str | None:
        """Return the requested place, or None if the request was refused: wrong host or token."""
        first, slash, rest = self.path.partition("?")[0].removeprefix("/").partition("/")
        if self.headers.get_all("Host", []) != [self._host()]:
            self._refuse(HTTPStatus.FORBIDDEN, "the host name is wrong")
        elif not (slash and hmac.compare_digest(first.encode(), self.server.site.token.encode())):
            self._refuse(HTTPStatus.FORBIDDEN, "open the whole address that the command printed")
        else:
            return unquote(rest, errors="replace")
        return None

    def _host(self) -> str:
        return f"{ADDRESS}:{self.server.server_port}"

    def _send_sound(self, path: Path, *, with_body: bool) -> None:
        """Send a sound, or the requested part of it."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            part = _parse_range(self.headers.get("Range"), size)
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
            self.close_connection |= with_body and start < stop  # the file was shortened meanwhile

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


def _parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the start and stop bytes of a Range header, or None if it cannot be satisfied.

    Players request one range; for several ranges, or an invalid header, the whole file is sent.
    """
    unit, _, value = (header or "").partition("=")
    first, dash, last = value.strip().partition("-")
    is_range = all(c in "0123456789" for c in first + last) and first + last and len(value) < 40
    if unit != "bytes" or not dash or not is_range:
        return 0, size
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1 if last else int(first) + MAX_RANGE, size)
    return (start, stop) if start < stop else None
