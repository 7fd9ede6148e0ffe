"""A Hugging Face Hub on loopback, as far as publishing a dataset, loading it or a model needs one.

It keeps everything in memory, wants a token (`hf_writer` may write to `org/`, `hf_reader` to
nothing), and can be told to fail. To rehearse a publication:

    python tests/support/loopback_hub.py --port 8765
"""

import argparse
import base64
import hashlib
import json
import re
import threading
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

WRITER, READER = "hf_writer", "hf_reader"


class Refused(Exception):
    def __init__(self, status: int, message: str, code: str = "", **body: Any) -> None:
        self.status, self.message, self.code, self.body = status, message, code, body


async def cut_off() -> Any:
    """A body that breaks off: uvicorn then closes the connection."""
    yield b"{"
    raise ConnectionResetError


def oid(content: bytes, kind: bytes = b"blob") -> str:
    return hashlib.sha1(kind + b" %d\0" % len(content) + content).hexdigest()


@dataclass
class Entry:
    """A file in a tree; `sha256` for one that is stored apart (Git LFS)."""

    content: bytes
    sha256: str = ""

    @property
    def oid(self) -> str:
        if not self.sha256:
            return oid(self.content)
        head = b"version https://git-lfs.github.com/spec/v1\n"
        return oid(head + b"oid sha256:%s\nsize %d\n" % (self.sha256.encode(), len(self.content)))

    def listed(self, path: str) -> dict[str, Any]:
        size = len(self.content)
        large = {"lfs": {"oid": self.sha256, "size": size, "pointerSize": 130}}
        plain = {"type": "file", "oid": self.oid, "size": size, "path": path}
        return plain | (large if self.sha256 else {})


@dataclass
class Repo:
    private: bool
    commits: dict[str, dict[str, Entry]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def head(self) -> str:
        return self.history[-1]

    def commit(self, tree: dict[str, Entry]) -> str:
        names = sorted((path, entry.oid) for path, entry in tree.items())
        commit = oid(json.dumps([self.history, names]).encode(), b"commit")
        self.commits[commit] = tree
        self.history.append(commit)
        return commit

    def at(self, revision: str) -> str:
        found = self.tags.get(revision, self.head if revision == "main" else revision)
        if found not in self.commits:
            raise Refused(404, f"no revision {revision}", "RevisionNotFound")
        return found


@dataclass
class Fault:
    """The next `times` requests whose "METHOD path" matches fail, before or after they count."""

    match: str
    status: int = 503
    after: bool = False
    times: int = 1
    drop: bool = False


@dataclass
class Hub:
    repos: dict[str, Repo] = field(default_factory=dict)
    large: dict[tuple[str, str], bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    """ "METHOD path" of every request."""
    bodies: list[bytes] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=lambda: defaultdict(list))
    """Route name to functions that are called before it answers."""
    url: str = ""

    # -- who may do what

    def repo(self, request: Request, *, write: bool = False) -> tuple[str, Repo]:
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        token = self.token(request)
        if name not in self.repos or (self.repos[name].private and not token):
            raise Refused(404 if token else 401, "Repository not found", "RepoNotFound")
        if write and token != WRITER:
            raise Refused(403, "you have no write access to this repository")
        return name, self.repos[name]

    def token(self, request: Request) -> str:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and token not in (WRITER, READER):
            raise Refused(401, "Invalid credentials in Authorization header")
        return token

    # -- routes

    def create(self, request: Request, body: Any) -> Any:
        name = f"{body.get('organization') or 'org'}/{body['name']}"
        if self.token(request) != WRITER or not name.startswith("org/"):
            raise Refused(403, f"you may not create a dataset under {name.partition('/')[0]}")
        url = f"{self.url}/datasets/{name}"
        if name in self.repos:
            raise Refused(409, "this dataset exists", url=url)
        self.repos[name] = Repo(body.get("visibility") == "private")
        attributes = Entry(b"*.parquet filter=lfs diff=lfs merge=lfs -text\n")
        self.repos[name].commit({".gitattributes": attributes})
        return {"url": url, "name": name, "id": oid(name.encode())[:24]}

    def info(self, request: Request, _: Any) -> Any:
        name, repo = self.repo(request)
        commit = repo.at(request.path_params.get("revision", "main"))
        files = [{"rfilename": path} for path in sorted(repo.commits[commit])]
        return {"id": name, "sha": commit, "private": repo.private, "siblings": files,
                "tags": [], "downloads": 0, "likes": 0, "gated": False,
                "lastModified": "2026-11-21T00:00:00.000Z"}  # fmt: skip

    def tree(self, request: Request, _: Any) -> Any:
        _, repo = self.repo(request)
        files = repo.commits[repo.at(request.path_params["revision"])]
        base = request.path_params.get("path", "").strip("/")
        inside = {p: e for p, e in files.items() if not base or p.startswith(f"{base}/")}
        if base and not inside:
            raise Refused(404, f"no {base}", "EntryNotFound")
        folders = {p[: m.start()] for p in inside for m in re.finditer("/", p)}
        folders = {f for f in folders if f != base and f.startswith(base)}
        listed = [e.listed(p) for p, e in inside.items()]
        listed += [{"type": "directory", "oid": oid(f.encode()), "size": 0, "path": f}
                   for f in folders]  # fmt: skip
        if request.query_params.get("recursive", "").lower() not in ("true", "1"):
            depth = base.count("/") + 1 if base else 0
            listed = [entry for entry in listed if entry["path"].count("/") == depth]
        return sorted(listed, key=lambda entry: entry["path"])

    def refs(self, request: Request, _: Any) -> Any:
        _, repo = self.repo(request)
        tags = [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": c}
                for n, c in repo.tags.items()]  # fmt: skip
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo.head}
        return {"branches": [main], "converts": [], "tags": tags, "pullRequests": []}

    def validate(self, request: Request, body: Any) -> Any:
        front = body["content"].split("---\n")[1]
        if "license: nonsense" in front:
            message = {"message": '"license" must be one of [apache-2.0, …]'}
            raise Refused(400, "invalid card", errors=[message], warnings=[])
        return {"errors": [], "warnings": []}

    def preupload(self, request: Request, body: Any) -> Any:
        self.repo(request, write=True)
        modes = {True: "lfs", False: "regular"}
        return {"files": [{"path": f["path"], "shouldIgnore": False,
                           "uploadMode": modes[f["path"].endswith(".parquet")]}
                          for f in body["files"]]}  # fmt: skip

    def batch(self, request: Request, body: Any) -> Any:
        name, _ = self.repo(request, write=True)
        listed = []
        for one in body["objects"]:
            entry = {"oid": one["oid"], "size": one["size"]}
            if (name, one["oid"]) not in self.large:
                upload = {"href": f"{self.url}/_large/{name}/{one['oid']}", "header": {}}
                entry |= {"authenticated": True, "actions": {"upload": upload}}
            listed.append(entry)
        return {"transfer": "basic", "objects": listed}

    def upload(self, request: Request, body: Any) -> Any:
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        digest = request.path_params["digest"]
        if hashlib.sha256(body).hexdigest() != digest:
            raise Refused(400, "the content is not what was announced")
        self.large[name, digest] = body
        return {}

    def commit(self, request: Request, body: Any) -> Any:
        name, repo = self.repo(request, write=True)
        tree = dict(repo.commits[repo.head])
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            match entry["key"]:
                case "header" if value.get("parentCommit", repo.head) != repo.head:
                    raise Refused(412, "a commit has happened since; refresh and try again")
                case "file":
                    tree[value["path"]] = Entry(base64.b64decode(value["content"]))
                case "lfsFile":
                    if (name, value["oid"]) not in self.large:
                        raise Refused(400, f"{value['path']} was not uploaded")
                    content = self.large[name, value["oid"]]
                    tree[value["path"]] = Entry(content, value["oid"])
                case "deletedFile":
                    del tree[value["path"]]
        commit = repo.commit(tree)
        url = f"{self.url}/datasets/{name}/commit/{commit}"
        return {"success": True, "commitOid": commit, "commitUrl": url}

    def tag(self, request: Request, body: Any) -> Any:
        _, repo = self.repo(request, write=True)
        if body["tag"] in repo.tags:
            raise Refused(409, f"the tag {body['tag']} exists")
        repo.tags[body["tag"]] = repo.at(request.path_params["revision"])
        return {}

    def resolve(self, request: Request, _: Any) -> Response:
        _, repo = self.repo(request)
        commit = repo.at(request.path_params["revision"])
        entry = repo.commits[commit].get(request.path_params["path"])
        if entry is None:
            raise Refused(404, "Entry not found", "EntryNotFound")
        headers = {"X-Repo-Commit": commit, "ETag": f'"{entry.sha256 or entry.oid}"'}
        headers |= {"X-Linked-Size": str(len(entry.content)), "Accept-Ranges": "bytes"}
        if entry.sha256:
            headers["X-Linked-Etag"] = f'"{entry.sha256}"'
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if not asked:
            return Response(entry.content, headers=headers)
        first, last = int(asked[1]), min(int(asked[2] or 1 << 60), len(entry.content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(entry.content)}"
        return Response(entry.content[first : last + 1], 206, headers=headers)

    # -- the server

    def answer(self, name: str) -> Any:
        route = getattr(self, name)

        async def endpoint(request: Request) -> Response:
            self.seen.append(f"{request.method} {request.url.path}")
            body: Any = await request.body()
            self.bodies.append(body)
            fault = self.fault(self.seen[-1])
            for act in self.before[name]:
                act()
            if fault and not fault.after:
                return self.broken(fault)
            if body and "json" in request.headers.get("content-type", "") and name != "commit":
                body = json.loads(body)
            try:
                from starlette.concurrency import run_in_threadpool

                found = await run_in_threadpool(route, request, body)
            except Refused as error:
                headers = {"X-Error-Message": error.message}
                headers |= {"X-Error-Code": error.code} if error.code else {}
                plain = {"error": error.message, **error.body}
                return JSONResponse(plain, error.status, headers)
            if fault:
                return self.broken(fault)
            return found if isinstance(found, Response) else JSONResponse(found)

        return endpoint

    def fault(self, request: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.match, request):
                fault.times -= 1
                return fault
        return None

    def broken(self, fault: Fault) -> Response:
        if fault.drop:
            return StreamingResponse(cut_off(), headers={"Content-Length": "100"})
        return Response("<html>out of order</html>", fault.status)

    def app(self) -> Starlette:
        api, repo = "/api/datasets/{owner}/{name}", "/datasets/{owner}/{name}"
        model = "/api/models/{owner}/{name}"
        table = [
            ("/api/repos/create", "create", ["POST"]),
            ("/api/validate-yaml", "validate", ["POST"]),
            (api, "info", ["GET"]),
            (f"{api}/revision/{{revision}}", "info", ["GET"]),
            (f"{api}/tree/{{revision}}", "tree", ["GET"]),
            (f"{api}/tree/{{revision}}/{{path:path}}", "tree", ["GET"]),
            (f"{api}/refs", "refs", ["GET"]),
            (f"{api}/preupload/{{revision}}", "preupload", ["POST"]),
            (f"{api}/commit/{{revision}}", "commit", ["POST"]),
            (f"{api}/tag/{{revision}}", "tag", ["POST"]),
            ("/datasets/{owner}/{name}.git/info/lfs/objects/batch", "batch", ["POST"]),
            ("/_large/{owner}/{name}/{digest}", "upload", ["PUT"]),
            (f"{repo}/resolve/{{revision}}/{{path:path}}", "resolve", ["GET", "HEAD"]),
            # A model is read only.
            (f"{model}/revision/{{revision}}", "info", ["GET"]),
            (f"{model}/tree/{{revision}}", "tree", ["GET"]),
            ("/{owner}/{name}/resolve/{revision}/{path:path}", "resolve", ["GET", "HEAD"]),
        ]
        return Starlette(
            routes=[Route(path, self.answer(name), methods=verbs) for path, name, verbs in table]
        )


@contextmanager
def serving(port: int = 0) -> Any:
    """A hub that listens on loopback until the block ends."""
    hub = Hub()
    config = uvicorn.Config(hub.app(), host="127.0.0.1", port=port, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started or not thread.is_alive():
            break
        time.sleep(0.05)
    if not server.started:
        raise SystemExit(f"the hub does not start; is port {port} taken?")
    hub.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield hub
    finally:
        server.should_exit = True
        thread.join(timeout=10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    with serving(parser.parse_args().port) as running:
        print(f"a hub on {running.url}, tokens {WRITER} and {READER}; Ctrl-C ends it", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
