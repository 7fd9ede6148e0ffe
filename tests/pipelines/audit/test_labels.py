"""Labels of people: what is shown, what is kept, and who may give one."""

import re
import socket
import threading

import httpx
import pytest

from pipelines.audit.audit import audit
from pipelines.audit.people import labels
from pipelines.audit.people.label_page import LabelServer
from pipelines.audit.people.labels import Item
from pipelines.audit.verdicts.judges import judges
from stages.errors import RunError

GRADES = tuple((str(n), "") for n in range(1, 6))
PAIR = (("1", "first"), ("2", "second"), ("tie", "equal"))
ONE = Item("a", "Name a river.", ("The Nile <b>bold</b>",), buttons=GRADES, asked="Is it true?")
TWO = Item("b", "Name a river.", ("The Rhine.", "The Nile."), swapped=True, buttons=PAIR)


@pytest.fixture
def page():
    """The server of two items, and a client on its page."""
    kept = []
    with LabelServer([ONE, TWO], {}, lambda all_: kept.append(dict(all_))) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with httpx.Client(base_url=server.url, timeout=10) as client:
            yield server, client, kept
        server.shutdown()


def token(text):
    return re.search(r'name="token" value="([^"]+)"', text)[1]


def test_a_person_labels_one_row_after_the_other(page):
    server, client, kept = page
    first = client.get("")
    assert "0 of 2 labelled" in first.text
    assert "Is it true?" in first.text, "the person goes by what the judge goes by"
    assert "The Nile &lt;b&gt;bold&lt;/b&gt;" in first.text, "row text is data"
    said = {"token": token(first.text), "said": "4"}
    second = client.post("?row=0", data=said, follow_redirects=True)
    assert "1 of 2 labelled" in second.text
    assert second.text.index("The Rhine.") < second.text.index("The Nile.")
    last = client.post("?row=1", data=said | {"said": "1"}, follow_redirects=True)
    assert "All rows are labelled" in last.text
    assert kept == [{"a": 4.0}, {"a": 4.0, "b": "rejected"}]
    again = client.post("?row=1", data=said | {"said": "2"}, follow_redirects=True)
    assert again.status_code == 200
    assert kept[-1] == {"a": 4.0, "b": "chosen"}
    assert 'value="2" class="said"' in client.get("?row=1").text
    assert server.labels == kept[-1]


def test_nobody_else_labels(page):
    server, client, kept = page
    known = token(client.get("").text)
    body = {"token": known, "said": "4"}
    port = server.server_address[1]
    wrong = [
        client.post("?row=0", data=body | {"token": "x"}),
        client.post("?row=0", data={"said": "4"}),
        client.post("?row=9", data=body),
        client.post("?row=-1", data=body),
        # A page elsewhere, whose name was made to point here.
        client.post("?row=0", data=body, headers={"host": f"evil.example:{port}"}),
        httpx.post(f"http://127.0.0.1:{port}/?row=0", data=body),
        httpx.get(f"http://127.0.0.1:{port}/"),
        client.get("", headers={"host": "evil.example"}),
    ]
    assert {answer.status_code for answer in wrong} <= {403, 404}
    assert client.post("?row=0", data=body | {"said": "6"}).status_code == 400
    assert client.post("?row=1", data=body | {"said": "3"}).status_code == 400
    assert kept == []


def test_labels_that_come_together_are_all_kept(graded):
    """On the disk, and not in memory alone."""
    run, store = graded
    (step,) = judges(run)
    items = labels.sample(store, run, step, 12)
    with LabelServer(items, {}, lambda all_: labels.write(store, run, step, all_)) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with httpx.Client(base_url=server.url, timeout=20) as client:
            said = {"token": server.token, "said": "3"}
            posts = [
                threading.Thread(target=client.post, args=(f"?row={n}",), kwargs={"data": said})
                for n in range(12)
            ]
            for post in posts:
                post.start()
            for post in posts:
                post.join()
        server.shutdown()
    assert len(labels.read(store, run, step)) == 12


def test_a_body_without_a_length_holds_nothing(page):
    server, client, kept = page
    for length in ("-1", "abc", "9" * 5000, ""):
        with socket.create_connection(server.server_address, timeout=5) as raw:
            head = f"POST /{server.token}/?row=0 HTTP/1.1\r\nHost: {server.host}\r\n"
            raw.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
            assert raw.recv(100).startswith(b"HTTP/1.0 403")
    for path in (f"/{server.token}/?row={'1' * 5000}", "http://[/"):
        with socket.create_connection(server.server_address, timeout=5) as raw:
            raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {server.host}\r\n\r\n".encode())
            assert raw.recv(100).startswith(b"HTTP/1.0 404")
    assert client.get("").status_code == 200
    assert kept == []


@pytest.mark.parametrize("content", [b"[]", b"null", b"{", b'{"judge_rubric": []}', b"[" * 90_000])
def test_a_damaged_file_is_said(graded, content):
    run, store = graded
    store.run(run.id).put("labels.json", content)
    with pytest.raises(RunError, match="is damaged"):
        audit(store, run)


def test_it_listens_here_alone(page):
    server, client, _ = page
    assert server.server_address[0] == "127.0.0.1"
    headers = client.get("").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("swapped", [False, True])
def test_a_label_is_of_the_answer_and_not_of_its_place(swapped):
    item = Item("b", "?", ("one", "two"), swapped, PAIR)
    first, second = ("rejected", "chosen") if swapped else ("chosen", "rejected")
    assert [item.label(said) for said in ("1", "2", "tie")] == [first, second, "tie"]
    for wrong in ("3", "", "chosen"):
        with pytest.raises(ValueError, match="is no"):
            item.label(wrong)


def test_a_sample_is_blind_and_the_same_each_time(graded):
    run, store = graded
    (step,) = judges(run)
    items = labels.sample(store, run, step, 10)
    assert items == labels.sample(store, run, step, 10)
    assert len({item.id for item in items}) == 10
    assert len(labels.sample(store, run, step, 99)) == 24
    assert all(len(item.answers) == 1 for item in items)
    assert [said for said, _ in items[0].buttons] == ["1", "2", "3", "4", "5"]
    assert items[0].asked == "Is it true?"


def test_the_audit_uses_them(graded):
    run, store = graded
    (step,) = judges(run)
    assert labels.read(store, run, step) == {}
    given = {
        item.id: float(n % 5 + 1) for n, item in enumerate(labels.sample(store, run, step, 10))
    }
    labels.write(store, run, step, given)
    assert labels.read(store, run, step) == given
    figures = {figure.name: figure for figure in audit(store, run)}
    assert figures["gold rank correlation"].rows == 10
    powered = figures["gold mean, prediction-powered"]
    assert powered.low < powered.value < powered.high
