"""A small Hugging Face hub on 127.0.0.1: its model pages, its files, and its bad days."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


def commit(repo: str, number: int = 0) -> str:
    """The commit that a fake repository stands at."""
    return hashlib.sha1(f"{repo} {number}".encode()).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class FakeHub:
    """What the server holds and how it misbehaves; tests change it between requests."""

    url: str = ""
    # repository → commit → file → content; the last commit is the newest
    repos: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    # sent instead of the content that the page announces
    forged: dict[str, bytes] = field(default_factory=dict)
    # break off in the middle of a file, and send no other
    breaks: bool = False
    requests: list[str] = field(default_factory=list)

    def publish(self, repo: str, files: dict[str, bytes], licence: str = "mit") -> str:
        commits = self.repos.setdefault(repo, {})
        name = commit(repo, len(commits))
        commits[name] = files
        self.licences[repo] = licence
        return name

    @property
    def downloads(self) -> int:
        return sum(
            request.startswith("GET") and "/resolve/" in request for request in self.requests
        )


@contextmanager
def serving() -> Iterator[FakeHub]:
    hub = FakeHub()

    class Handler(_Handler):
        shelf = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    shelf: FakeHub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.shelf.requests.append(f"{self.command} {path}")
        parts = path.split("/")
        if parts[:2] == ["api", "models"]:
            self.page("/".join(parts[2:4]), "/".join(parts[5:]) or "main")
        elif parts[2:3] == ["resolve"]:
            self.file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self.refuse(404, "RepoNotFound")

    def page(self, repo: str, revision: str) -> None:
        if repo not in self.shelf.repos:
            # The hub says 401 to strangers, so that they cannot list private names.
            return self.refuse(401, "RepoNotFound")
        name, files = self.at(repo, revision)
        if files is None:
            return self.refuse(404, "RevisionNotFound")
        siblings = [
            {
                "rfilename": file,
                "size": len(content),
                "lfs": {"sha256": sha256(content), "size": len(content), "pointerSize": 134},
            }
            for file, content in files.items()
        ]
        card = {"license": self.shelf.licences[repo]}
        page = {"id": repo, "sha": name, "siblings": siblings, "cardData": card}
        self.send(200, json.dumps(page).encode(), {"Content-Type": "application/json"})

    def file(self, repo: str, revision: str, file: str) -> None:
        if repo in self.shelf.gated:
            return self.refuse(403, "GatedRepo")
        name, files = self.at(repo, revision)
        if files is None:
            return self.refuse(404, "RevisionNotFound")
        if file not in files:
            return self.refuse(404, "EntryNotFound")
        headers = {
            "ETag": f'"{sha256(files[file])}"',
            "X-Repo-Commit": name,
            "Content-Type": "application/octet-stream",
        }
        content = self.shelf.forged.get(file, files[file])
        self.send(200, content, headers)

    def at(self, repo: str, revision: str) -> tuple[str, dict[str, bytes] | None]:
        commits = self.shelf.repos.get(repo, {})
        name = list(commits)[-1] if revision == "main" and commits else revision
        return name, commits.get(name)

    def refuse(self, status: int, code: str) -> None:
        self.send(status, b"", {"X-Error-Code": code, "X-Error-Message": code})

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        is_file = self.command == "GET" and "X-Repo-Commit" in headers
        if self.shelf.breaks and is_file and self.shelf.downloads > 1:
            status, body, headers = 503, b"", {}
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if self.shelf.breaks and is_file else body)

    def log_message(self, *_: object) -> None:
        pass
