"""A small voter-status portal that is weak on purpose, to be attacked inside the lab's namespaces and nowhere else.

What is weak, and why it is there:
    ``/status?id=``            the number goes into the SQL text as it came (error-based, boolean and union injection)
    ``/polling-place?postcode=``  the same mistake once more, in a text field
    ``/search?q=``             safe; it shows the words back without escaping (reflected XSS)
    ``/candidates/photo``      any file name is taken; what ends in ``.php`` under ``/uploads/`` "runs"
    ``/admin/login``           no limit on attempts

The "web shell" is harmless: the portal never starts a process. It answers a short list of commands with invented
text (`SHELL_ANSWERS`), which is enough for requests and answers of the right size to reach nginx's log.

Data are invented and made by counting. The time comes from nginx's ``X-Lab-Time`` header (the lab's clock), so that
sessions expire in the recorded week and not in the minutes of the recording.
"""

from __future__ import annotations

import html
import re
import sqlite3
import sys
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

from pages import QUESTIONS, json_bytes, page, table
from register import STAFF, Portal

MAX_BODY_BYTES = 1_000_000
SHELL_ANSWERS = {
    "id": "uid=33(www-data) gid=33(www-data) groups=33(www-data)\n",
    "whoami": "www-data\n",
    "uname -a": "Linux voters 6.1.0-lab #1 SMP x86_64 GNU/Linux\n",
    "pwd": "/srv/portal/uploads\n",
    "ls -la /srv/portal": "drwxr-xr-x 4 root root 4096 .\n-rw-r----- 1 root www-data 912 portal.conf\n",
    "cat /srv/portal/portal.conf": "[database]\nfile = /srv/portal/voters.db\n# lab file, nothing to see\n",
    "cat /etc/passwd": "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n",
    "netstat -tnlp": "tcp 0 0 0.0.0.0:80 0.0.0.0:* LISTEN -\n",
}


class Handler(BaseHTTPRequestHandler):
    """One request, as nginx hands it on."""

    protocol_version = "HTTP/1.1"
    portal: Portal

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: nginx writes the log."""

    def answer(self, status: int, body: bytes, kind: str = "text/html; charset=utf-8", **headers: str) -> None:
        """Send one whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def now(self) -> float:
        """The lab's time, which nginx passes on."""
        return float(self.headers.get("X-Lab-Time") or 0)

    def login(self) -> str | None:
        """Who is logged in."""
        try:
            cookie = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return None
        return self.portal.session(cookie["sid"].value, self.now()) if "sid" in cookie else None

    def body(self) -> bytes:
        """The request's body, up to a limit."""
        try:
            size = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            size = 0
        return self.rfile.read(min(size, MAX_BODY_BYTES))

    def do_HEAD(self) -> None:
        """A HEAD is a GET without the body."""
        self.do_GET()

    def do_OPTIONS(self) -> None:
        """Not offered."""
        self.answer(405, page("Method not allowed", ""), Allow="GET, HEAD, POST")

    do_PUT = do_DELETE = do_OPTIONS  # noqa: N815 - the base class looks for these names

    def do_GET(self) -> None:
        """Answer a page."""
        url = urlsplit(self.path)
        query = {name: value[0] for name, value in parse_qs(url.query, keep_blank_values=True).items()}
        if url.path.startswith("/uploads/"):
            self.uploaded(url.path.removeprefix("/uploads/"), query)
            return
        if url.path.startswith("/admin") and url.path != "/admin/login":
            self.admin(url.path)
            return
        view = {
            "/": self.home,
            "/status": self.status,
            "/polling-place": self.place,
            "/search": self.search,
            "/register": self.form,
            "/candidates": self.candidates,
            "/faq": self.faq,
            "/admin/login": self.login_form,
            "/health": self.health,
            "/api/v1/status": self.api_status,
            "/api/v1/news": self.api_news,
            "/account": self.account,
        }.get(url.path)
        if view is None:
            self.answer(404, page("Page not found", "<p>We could not find that page.</p>"))
            return
        view(query)

    def do_POST(self) -> None:
        """Take a form."""
        body, path = self.body(), urlsplit(self.path).path
        form = (
            dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
            if "multipart" not in self.headers.get("Content-Type", "")
            else {}
        )
        if path == "/admin/login":
            self.try_login(form)
        elif path == "/register":
            self.register(form)
        elif path == "/search":
            self.search(form)
        elif path == "/candidates/photo":
            self.upload(body)
        elif path.startswith("/uploads/"):
            self.uploaded(path.removeprefix("/uploads/"), form)
        elif path == "/api/v1/token":
            self.answer(200, b'{"token":"device"}', "application/json")
        else:
            self.answer(404, page("Page not found", ""))

    def home(self, _query: dict[str, str]) -> None:
        """The front page."""
        news = "".join(
            f"<li>{text}</li>"
            for text in (
                "Register before 30 October, 23:59.",
                "Polls are open from 07:30 to 21:00.",
                "Results from 21:00 at results.alderland.example.",
            )
        )
        self.answer(
            200,
            page(
                "Welcome",
                f"<ul>{news}</ul>" + "<p>Bring a valid document. Need help at the polls? Ask the staff.</p>" * 8,
            ),
        )

    def health(self, _query: dict[str, str]) -> None:
        """What the monitoring robot asks for."""
        self.answer(
            200, b'{"status":"ok","registrations":' + str(self.portal.registrations).encode() + b"}", "application/json"
        )

    def status(self, query: dict[str, str]) -> None:
        """Look up a registration. WEAK: the number is pasted into the statement."""
        fields = '<label>Number <input name="id"></label> <label>Birth year <input name="year"></label>'
        form = f"<form>{fields}<button>Look up</button></form>"
        if not query.get("id"):
            self.answer(200, page("My registration", form))
            return
        try:
            found = self.portal.rows(
                "SELECT id, name, street, status, district FROM voters WHERE id = " + query["id"]
            )  # the lab's first hole
        except (sqlite3.Error, sqlite3.Warning) as error:
            self.answer(
                500, page("Something went wrong", f"<pre>sqlite3.OperationalError: {html.escape(str(error))}</pre>")
            )
            return
        self.answer(
            200,
            page(
                "My registration", form + table(found) if found else form + "<p>No registration under that number.</p>"
            ),
        )

    def api_status(self, query: dict[str, str]) -> None:
        """The same for the mobile app, done right."""
        found = self.portal.rows("SELECT id, status, district FROM voters WHERE id = ?", query.get("id", ""))
        self.answer(200 if found else 404, json_bytes({"found": found}), "application/json")

    def api_news(self, _query: dict[str, str]) -> None:
        """News for the mobile app."""
        self.answer(200, json_bytes({"news": ["Polls close at 21:00"] * 6}), "application/json")

    def place(self, query: dict[str, str]) -> None:
        """Find a polling place. WEAK: the same mistake as `status`, between quotes."""
        form = '<form><label>Postcode <input name="postcode"></label><button>Find</button></form>'
        if not query.get("postcode"):
            self.answer(200, page("Polling place", form))
            return
        try:
            found = self.portal.rows(
                f"SELECT place, hours FROM places WHERE postcode = '{query['postcode']}'"
            )  # the lab's second hole
        except (sqlite3.Error, sqlite3.Warning):
            self.answer(500, page("Something went wrong", "<p>Please try again later.</p>"))
            return
        self.answer(200, page("Polling place", form + table(found)))

    def search(self, query: dict[str, str]) -> None:
        """Search the questions and answers. WEAK: shows the words back as they came."""
        words = query.get("q", "")
        hits = [text for text in QUESTIONS if any(word and word in text.lower() for word in words.lower().split()[:8])]
        self.answer(
            200,
            page("Search", f"<p>You searched for {words}</p>" + "".join(f"<p>{html.escape(hit)}</p>" for hit in hits)),
        )

    def faq(self, _query: dict[str, str]) -> None:
        """All questions."""
        form = '<form action="/search"><input name="q"><button>Search</button></form>'
        self.answer(
            200,
            page(
                "Questions",
                form
                + "".join(
                    f"<h2>{html.escape(text)}</h2><p>{'See the notice at the town hall. ' * 5}</p>"
                    for text in QUESTIONS
                ),
            ),
        )

    def candidates(self, _query: dict[str, str]) -> None:
        """The candidates and their photographs."""
        photos = "".join(
            f'<figure><img src="/assets/photo-{n}.jpg" alt=""><figcaption>Candidate {n}</figcaption></figure>'
            for n in range(1, 7)
        )
        self.answer(
            200,
            page(
                "Candidates",
                photos + '<form method="post" action="/candidates/photo" enctype="multipart/form-data">'
                '<input type="file" name="photo"><button>Send</button></form>',
            ),
        )

    def form(self, _query: dict[str, str]) -> None:
        """The registration form."""
        fields = "".join(
            f'<label>{name} <input name="{name}"></label>' for name in ("name", "street", "postcode", "born", "email")
        )
        self.answer(
            200, page("Register", f'<form method="post" action="/register">{fields}<button>Register</button></form>')
        )

    def register(self, form: dict[str, str]) -> None:
        """Take a registration; safe."""
        if not form.get("name") or not re.fullmatch(r"[0-9]{4} ?[A-Z]{2}", form.get("postcode", "")):
            self.answer(422, page("Register", "<p>Please fill in your name and postcode.</p>"))
            return
        self.portal.registrations += 1
        self.answer(303, b"", Location="/account")

    def account(self, _query: dict[str, str]) -> None:
        """Where a registration ends."""
        self.answer(
            200, page("Thank you", f"<p>Your registration has number {4_200_000 + self.portal.registrations}.</p>")
        )

    def login_form(self, query: dict[str, str]) -> None:
        """The staff's log-in form."""
        note = "<p>Your session has expired.</p>" if "expired" in query else ""
        self.answer(
            200,
            page(
                "Staff",
                note + '<form method="post" action="/admin/login"><input name="login">'
                '<input name="password" type="password"><button>Log in</button></form>',
            ),
        )

    def try_login(self, form: dict[str, str]) -> None:
        """Check a staff password. WEAK: as often as one likes."""
        login = form.get("login", "")
        if STAFF.get(login) is None or STAFF[login] != form.get("password"):
            self.answer(403, page("Staff", "<p>Wrong name or password.</p>"))
            return
        self.answer(
            303,
            b"",
            Location="/admin/",
            Set_Cookie=f"sid={self.portal.open_session(login, self.now())}; Path=/; HttpOnly",
        )

    def admin(self, path: str) -> None:
        """The staff's pages."""
        login = self.login()
        if login is None:
            self.answer(302, b"", Location="/admin/login?expired=1")
        elif path in ("/admin/", "/admin", "/admin/registrations", "/admin/export"):
            self.answer(
                200,
                page(
                    "Registrations",
                    f"<p>{html.escape(login)}: {self.portal.registrations} today.</p>"
                    + table(self.portal.rows("SELECT * FROM voters LIMIT 40")),
                ),
            )
        else:
            self.answer(404, page("Page not found", ""))

    def upload(self, body: bytes) -> None:
        """Take a photograph. WEAK: any name, any content. Nothing in the lab's folder is ever executed."""
        name = re.search(rb'filename="([A-Za-z0-9_.-]{1,60})"', body)
        if name is None:
            self.answer(400, page("Photograph", "<p>No file was sent.</p>"))
            return
        (self.portal.uploads / name[1].decode()).write_bytes(body)
        self.answer(201, page("Photograph", f"<p>Received: /uploads/{name[1].decode()}</p>"))

    def uploaded(self, name: str, query: dict[str, str]) -> None:
        """Give an uploaded file back; one that ends in ``.php`` gets `SHELL_ANSWERS` instead of running."""
        if (
            not re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", name)
            or name.startswith(".")
            or not (self.portal.uploads / name).is_file()
        ):
            self.answer(404, page("Page not found", ""))
        elif name.endswith(".php"):
            command = query.get("cmd", "")
            self.answer(
                200,
                SHELL_ANSWERS.get(command, f"sh: 1: {command.split(' ')[0]}: not found\n" if command else "").encode(),
                "text/plain",
            )
        else:
            self.answer(200, (self.portal.uploads / name).read_bytes(), "image/jpeg")


class Server(ThreadingHTTPServer):
    """Many threads, none of which outlives the lab."""

    daemon_threads = True
    request_queue_size = 256


def main() -> None:
    """Serve on 127.0.0.1:8080 of the namespace this runs in; the first argument is the folder for uploads."""
    Handler.portal = Portal(Path(sys.argv[1]))
    Server(("127.0.0.1", 8080), Handler).serve_forever()


if __name__ == "__main__":
    main()
