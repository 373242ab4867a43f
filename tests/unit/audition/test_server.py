from __future__ import annotations

import errno
import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from lofigen_kit.audition import decisions
from lofigen_kit.audition import server as module
from lofigen_kit.audition.decisions import Decision
from lofigen_kit.audition.server import Server
from lofigen_kit.audition.takes import find_takes, read_takes
from lofigen_kit.errors import InputError
from lofigen_kit.runtime import files

WriteTake = Callable[..., dict[str, Any]]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """What anyone who can reach the port may send, byte for byte."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.folder = folder
        self.server = server
        self.port = urlsplit(server.url).port or 0
        self.base = urlsplit(server.url).path
        self.own = f"127.0.0.1:{self.port}"

    def ask(
        self,
        path: str = "",
        *,
        method: str = "GET",
        raw: bool = False,
        body: bytes | None = None,
        **headers: str,
    ) -> Answer:
        sent = {"Host": self.own, **{k.replace("_", "-"): v for k, v in headers.items()}}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        connection.putrequest(
            method, path if raw else self.base + path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in sent.items():
            connection.putheader(name, value)
        if body is not None and "Content-Length" not in sent and "Transfer-Encoding" not in sent:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        told = Answer(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()
        return told

    def put(self, made: Any, **headers: str) -> Answer:
        body = made if isinstance(made, bytes) else json.dumps(made).encode()
        own: Any = {"Origin": f"http://{self.own}", "Content_Type": "application/json", **headers}
        return self.ask("decisions.json", method="PUT", body=body, **own)

    def decide(self, **made: Any) -> Answer:
        return self.put(
            {"format": decisions.FORMAT, "sheet": "beats", "decisions": {"take.wav": made}}
        )

    def saved(self) -> dict[str, Decision]:
        return decisions.read(self.folder / "decisions.json").decisions


@pytest.fixture
def folder(tmp_path: Path, write_take: WriteTake) -> Path:
    folder = tmp_path / "beats"
    write_take(folder / "take.wav")
    write_take(folder / "below" / "a #1?.wav")
    write_take(folder / "take.stems" / "00-source.wav")
    write_take(folder / "take.stems" / "part-keys.wav")
    write_take(folder / "take.stems" / "part-<b>.wav")
    write_take(tmp_path / "secret.wav")
    (folder / "notes.txt").write_text("secret")
    return folder


@pytest.fixture
def client(folder: Path) -> Iterator[Client]:
    with Server(folder, read_takes(folder, find_takes(folder))) as server:
        thread = Thread(target=server.run)
        thread.start()
        yield Client(server, folder)
        server.stop()
        thread.join(90)
        assert not thread.is_alive()


def test_the_page_comes_with_its_policy(client: Client) -> None:
    page = client.ask()
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert policy.endswith("connect-src 'self'; frame-ancestors 'none'")
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not any(name.startswith("Access-Control") for name in page.headers)


def test_the_secret_is_long_and_another_one_each_time(client: Client, folder: Path) -> None:
    with Server(folder, []) as other:
        assert urlsplit(other.url).path != client.base
    assert len(client.base.strip("/")) >= 43
    assert client.server.url.startswith("http://127.0.0.1:")


def test_sounds_can_be_had_whole_and_in_parts(client: Client) -> None:
    blob = (client.folder / "below" / "a #1?.wav").read_bytes()
    whole = client.ask("below/a%20%231%3F.wav")
    assert (whole.status, whole.body) == (200, blob)
    assert whole.headers["Content-Type"] == "audio/wav"
    assert whole.headers["Accept-Ranges"] == "bytes"
    for asked, part in (
        ("bytes=0-", blob), ("bytes=10-19", blob[10:20]), ("bytes=-7", blob[-7:]),
        ("bytes=100-99999999", blob[100:]), (f"bytes={len(blob) - 1}-", blob[-1:]),
    ):  # fmt: skip
        answer = client.ask("below/a%20%231%3F.wav", Range=asked)
        assert (answer.status, answer.body) == (206, part), asked
        start = blob.rindex(part) if asked != "bytes=10-19" else 10
        assert answer.headers["Content-Range"] == (
            f"bytes {start}-{start + len(part) - 1}/{len(blob)}"
        )
    head = client.ask("take.wav", method="HEAD")
    assert head.body == b""
    assert int(head.headers["Content-Length"]) == (client.folder / "take.wav").stat().st_size
    assert client.ask("take.stems/00-source.wav").status == 200
    assert client.ask("take.stems/part-keys.wav").status == 200
    assert client.ask("take.stems/part-%3Cb%3E.wav").status == 404


def test_a_part_without_an_end_is_sent_in_pieces(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_RANGE", 1000)
    blob = (client.folder / "take.wav").read_bytes()
    got = b""
    while len(got) < len(blob):
        answer = client.ask("take.wav", Range=f"bytes={len(got)}-")
        assert answer.headers["Content-Range"].endswith(f"/{len(blob)}")
        assert 0 < len(answer.body) <= 1000
        got += answer.body
    assert got == blob
    assert client.ask("take.wav", Range="bytes=0-4999").body == blob[:5000]


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=5-4", "bytes=-0"])
def test_parts_that_are_not_there_are_refused(client: Client, asked: str) -> None:
    answer = client.ask("take.wav", Range=asked)
    size = (client.folder / "take.wav").stat().st_size
    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{size}")


@pytest.mark.parametrize(
    "asked",
    ["bytes=", "bytes=a-b", "bytes=0-1,3-4", "seconds=0-1", "bytes=--1", "bytes=" + "9" * 99],
)
def test_what_is_no_part_gives_all(client: Client, asked: str) -> None:
    blob = (client.folder / "take.wav").read_bytes()
    answer = client.ask("take.wav", Range=asked)
    assert answer.body == blob


@pytest.mark.parametrize(
    "path",
    [
        "../secret.wav", "..%2fsecret.wav", "%2e%2e/secret.wav", "%2e%2e%2fsecret.wav",
        "below/../take.wav", "below/%2e%2e/take.wav", "..%5csecret.wav", "..\\secret.wav",
        "%252e%252e/secret.wav", "take.wav%00", "take.wav/", "/take.wav", "./take.wav",
        "notes.txt", "below", "below/", "decisions.json/..", "manifest.jsonl", "%ff%fe",
        "take.stems/../take.wav", "TAKE.WAV", "%c0%ae%c0%ae/secret.wav", "take.wav;x",
        "../../../../../../etc/passwd",
    ],
)  # fmt: skip
def test_nothing_but_what_is_listed_is_served(client: Client, path: str) -> None:
    answer = client.ask(path)
    assert answer.status == 404, path
    assert b"secret" not in answer.body


def test_absolute_addresses_lead_nowhere(client: Client) -> None:
    for path in ("/etc/passwd", f"//{client.own}{client.base}", "http://evil.example/", "*", "//"):
        assert client.ask(path, raw=True).status in (403, 404), path


def test_a_take_that_has_become_a_link_is_not_followed(client: Client) -> None:
    (client.folder / "take.wav").unlink()
    assert client.ask("take.wav").status == 404
    (client.folder / "take.wav").symlink_to(client.folder.parent / "secret.wav")
    assert client.ask("take.wav").status == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
@pytest.mark.parametrize("token", ["", "x", "%00", "%c3%a9", "[", "http://["])
def test_without_the_secret_there_is_nothing(client: Client, method: str, token: str) -> None:
    own = client.base.strip("/")
    for wrong in (token, own[:-1], own + "x", own.swapcase(), "A" * len(own)):
        path = f"/{wrong}/decisions.json"
        origin = f"http://{client.own}"
        answer = client.ask(
            path, raw=True, method=method, Origin=origin, Content_Type="application/json"
        )
        assert answer.status == 403, path
        assert own.encode() not in answer.body


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost:{port}",
             "127.0.0.1:{port}.evil.example", "", "127.0.0.1:{port}@evil.example", "[::1]:{port}"]
)  # fmt: skip
def test_another_name_for_this_machine_is_refused(client: Client, host: str) -> None:
    for path in ("", "take.wav", "decisions.json"):
        answer = client.ask(path, Host=host.format(port=client.port))
        assert answer.status == 403
        assert b"<html" not in answer.body


def test_the_address_ends_with_a_slash_as_printed(client: Client) -> None:
    assert client.ask(client.base.rstrip("/"), raw=True).status == 403
    assert client.ask(client.base + "?x=1", raw=True).status == 200


def test_bytes_that_are_no_text_are_refused(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.port), 10) as line:
        line.sendall(b"GET /\xe9\xff/ HTTP/1.1\r\nHost: " + client.own.encode() + b"\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 403")


def test_two_hosts_or_none_are_refused(client: Client) -> None:
    for hosts in ([], [client.own, client.own], [client.own, "evil.example"]):
        lines = "".join(f"Host: {host}\r\n" for host in hosts)
        with socket.create_connection(("127.0.0.1", client.port), 10) as line:
            line.sendall(f"GET {client.base} HTTP/1.1\r\n{lines}\r\n".encode())
            assert line.recv(100).startswith(b"HTTP/1.1 403")


def test_decisions_are_saved_as_they_are_made(client: Client) -> None:
    assert json.loads(client.ask("decisions.json").body)["decisions"] == {}
    assert client.decide(verdict="keep", stars=4).status == 204
    assert client.saved() == {"take.wav": Decision(verdict="keep", stars=4)}
    assert client.decide(verdict="reject", stars=0).status == 204
    assert client.saved() == {"take.wav": Decision(verdict="reject")}
    assert json.loads(client.ask("decisions.json").body) == json.loads(
        (client.folder / "decisions.json").read_text()
    )
    assert client.decide(verdict=None, stars=0).status == 204
    assert client.saved() == {}


def test_what_was_decided_before_is_kept(folder: Path) -> None:
    before = {"gone.wav": Decision(stars=5), "take.wav": Decision(stars=1)}
    path = folder / "decisions.json"
    path.write_text(decisions.Decisions(sheet="x", decisions=before).to_json())
    book = module.DecisionStore(folder)
    book.apply_changes({"take.wav": Decision(verdict="keep")})
    assert decisions.read(path).decisions == {**before, "take.wav": Decision(verdict="keep")}
    assert decisions.read(path).sheet == "beats"
    path.write_text("{}")
    with pytest.raises(InputError, match="not valid decisions"):
        module.DecisionStore(folder)


def test_two_sheets_of_one_folder_share_its_decisions(folder: Path) -> None:
    one, other = module.DecisionStore(folder), module.DecisionStore(folder)
    one.apply_changes({"take.wav": Decision(verdict="keep", stars=5)})
    other.apply_changes({"below/other.wav": Decision(verdict="reject")})
    one.apply_changes({"third.wav": Decision(stars=2)})
    expected = {
        "take.wav": Decision(verdict="keep", stars=5),
        "below/other.wav": Decision(verdict="reject"),
        "third.wav": Decision(stars=2),
    }
    assert decisions.read(folder / "decisions.json").decisions == expected
    for store in (one, other):
        assert decisions.parse(store.text().encode(), where="").decisions == expected


def test_sheets_that_save_at_once_lose_nothing(folder: Path) -> None:
    def save(number: int) -> None:
        store = module.DecisionStore(folder)
        for count in range(20):
            store.apply_changes({f"{number}-{count}.wav": Decision(stars=1 + number)})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, range(4)))
    assert len(decisions.read(folder / "decisions.json").decisions) == 80


def test_decisions_that_are_spoilt_meanwhile_are_told_and_kept(client: Client) -> None:
    path = client.folder / "decisions.json"
    assert client.decide(verdict="keep", stars=0).status == 204
    path.write_text("{")
    assert client.ask("decisions.json").status == 500
    answer = client.decide(verdict="reject", stars=0)
    assert answer.status == 400
    assert b"not valid decisions" in answer.body
    assert path.read_text() == "{"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1", "https://{own}", "http://{own}/",
               "http://localhost:{port}", "http://{own}.evil.example", ""]
)  # fmt: skip
def test_other_pages_may_not_write(client: Client, origin: str) -> None:
    made = {"format": decisions.FORMAT, "sheet": "x", "decisions": {"take.wav": {"stars": 1}}}
    answer = client.put(made, Origin=origin.format(own=client.own, port=client.port))
    assert answer.status == 403
    assert not (client.folder / "decisions.json").exists()


def test_a_page_that_hides_its_origin_may_not_write(client: Client) -> None:
    answer = client.ask("decisions.json", method="PUT", body=b"{}", Content_Type="application/json")
    assert answer.status == 403


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", b"EOF"),
        (b"{", b"EOF"),
        (b"[" * 100_000, b"recursion"),
        (b'{"format": "lofigen-kit decisions 1", "sheet": "x"}', b"decisions"),
        (b"\xff", b"not valid decisions"),
    ],
)
def test_what_is_no_decisions_is_refused(client: Client, body: bytes, said: bytes) -> None:
    answer = client.put(body)
    assert answer.status == 400
    assert said in answer.body
    assert not (client.folder / "decisions.json").exists()


@pytest.mark.parametrize("place", ["none.wav", "../secret.wav", "/etc/passwd", "notes.txt"])
def test_only_listed_takes_can_be_decided_on(client: Client, place: str) -> None:
    made = {"format": decisions.FORMAT, "sheet": "x", "decisions": {place: {"stars": 1}}}
    assert client.put(made).status == 400


def test_bodies_are_bounded_before_they_are_read(client: Client) -> None:
    for length in (str(module.MAX_BODY + 1), "9" * 30):
        assert client.put(b"{}", Content_Length=length).status == 413
    for length in ("", "-1", "1e3", "\u0662".encode().decode("latin-1")):
        assert client.put(b"{}", Content_Length=length).status == 411
    assert client.put(b"0\r\n\r\n", Transfer_Encoding="chunked").status == 411
    assert client.put(b"{}", Content_Type="text/plain").status == 415
    assert client.put(b"{}", Content_Type="application/x-www-form-urlencoded").status == 415


@pytest.mark.parametrize("path", ["", "take.wav", "below/new.wav"])
def test_nothing_else_can_be_written(client: Client, path: str) -> None:
    origin = f"http://{client.own}"
    answer = client.ask(
        path, method="PUT", body=b"x", Origin=origin, Content_Type="application/json"
    )
    assert answer.status == 404


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"])
def test_there_are_no_other_methods(client: Client, method: str) -> None:
    answer = client.ask("decisions.json", method=method)
    assert answer.status == 501
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_full_disk_is_told_and_nothing_has_changed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.decide(verdict="keep", stars=0)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "fsync", full)
    answer = client.decide(verdict="reject", stars=0)
    assert answer.status == 507
    assert b"No space left" in answer.body
    monkeypatch.undo()
    assert client.saved() == {"take.wav": Decision(verdict="keep")}
    assert b'"keep"' in client.ask("decisions.json").body
    assert sorted(p.name for p in client.folder.iterdir()) == [
        "below", "decisions.json", "notes.txt", "take.stems", "take.wav"
    ]  # fmt: skip


def test_a_port_that_is_taken_is_refused_in_one_line(client: Client) -> None:
    with pytest.raises(InputError, match=f"--port {client.port}: the port cannot be used"):
        Server(client.folder, [], client.port)


def test_it_listens_on_this_machine_alone(client: Client) -> None:
    assert client.server._server.server_address[0] == "127.0.0.1"
