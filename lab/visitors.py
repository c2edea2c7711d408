"""The public: everybody who visits the two sites and means no harm.

Each visitor is an address, a browser and a habit; a *load* is one page with what a browser fetches along with it, on
one connection. Assets that were fetched before are asked for with ``If-Modified-Since``. Robots of the good kind
(monitor, crawler, mobile app) are here too; the link checker is the real ``linkchecker``, started by attacks.py's
neighbour `tools`.
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus, urlencode

from conductor import Conductor, moment
from hosts import WEB, words_of

VOTERS, RESULTS = "voters.alderland.example", "results.alderland.example"
MONITOR, CRAWLER, LINKCHECKER, OFFICE, HOME = (
    "192.0.2.31",
    "198.51.100.200",
    "198.51.100.201",
    "192.0.2.64",
    "203.0.113.77",
)
PUBLIC = (
    *(f"203.0.113.{n}" for n in range(1, 196) if n != 77),
    *(f"192.0.2.{n}" for n in range(100, 220)),
    *(f"198.51.100.{n}" for n in range(206, 250)),
)
BROWSERS = words_of("browsers")
APP = "AlderlandVote/3.{k} (Android 14; okhttp/4.12.0)"
SEARCHES = words_of("searches")
TYPOS = words_of("typos")
NORMAL_HOURS = (1, 1, 1, 1, 1, 2, 6, 14, 22, 28, 30, 28, 30, 28, 26, 26, 28, 30, 32, 36, 34, 24, 10, 3)
DEADLINE_HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 12, 16, 18, 22, 26, 26, 30, 40, 60, 80, 110, 140, 170, 190, 210, 230)
POLL_HOURS = (1, 1, 1, 1, 2, 8, 30, 60, 50, 40, 38, 38, 40, 36, 34, 36, 44, 52, 56, 50, 34, 8, 4, 3)
#: day, visits to the portal, how they lie over the hours
DAYS = (
    ("10-28", 240, NORMAL_HOURS),
    ("10-29", 300, NORMAL_HOURS),
    ("10-30", 2500, DEADLINE_HOURS),
    ("10-31", 110, NORMAL_HOURS),
    ("11-01", 120, NORMAL_HOURS),
    ("11-02", 380, NORMAL_HOURS),
    ("11-03", 800, POLL_HOURS),
    ("11-04", 190, NORMAL_HOURS),
)


@dataclass(slots=True)
class Visitor:
    """One person with one browser."""

    address: str
    agent: str
    seen: set[str] = field(default_factory=set)
    cookie: str = ""

    def fetch(
        self,
        line: http.client.HTTPConnection,
        host: str,
        path: str,
        referer: str = "",
        form: dict[str, str] | None = None,
    ) -> int:
        """One request; returns its status."""
        headers = {"Host": host, "User-Agent": self.agent, "Accept-Encoding": "gzip"}
        if referer:
            headers["Referer"] = referer
        if self.cookie:
            headers["Cookie"] = self.cookie
        if host + path in self.seen and "/assets/" in path:
            headers["If-Modified-Since"] = "Sat, 31 Dec 2033 00:00:00 GMT"
        body = None
        if form is not None:
            headers["Content-Type"], body = "application/x-www-form-urlencoded", urlencode(form)
        line.request("GET" if form is None else "POST", path, body, headers)
        answer = line.getresponse()
        answer.read()
        self.seen.add(host + path)
        if answer.getheader("Set-Cookie"):
            self.cookie = str(answer.getheader("Set-Cookie")).partition(";")[0]
        return answer.status

    def load(
        self, host: str, path: str, extra: tuple[str, ...] = (), form: dict[str, str] | None = None, referer: str = ""
    ) -> None:
        """A page and what comes with it; an office's or lab's trouble with one load is not the visitor's end."""
        line = http.client.HTTPConnection(WEB, 80, timeout=30, source_address=(self.address, 0))
        try:
            status = self.fetch(line, host, path, referer, form)
            here = f"http://{host}{path}"
            if status == 303:
                status = self.fetch(line, host, "/admin/" if path.startswith("/admin") else "/account", here)
            if status == 302:
                status = self.fetch(line, host, "/admin/login?expired=1", here)
            if status == 200:
                for asset in extra:
                    if asset.startswith("/assets/") or host + asset not in self.seen:
                        self.fetch(line, host, asset, here)
        except (OSError, http.client.HTTPException) as error:
            print(f"lab: {self.address} {path}: {error!r}")
        finally:
            line.close()


class Public:
    """Enters all benign visits into the programme."""

    def __init__(self, conductor: Conductor) -> None:
        """Make the visitors: each address has one to three browsers."""
        self.conductor, self.chance = conductor, conductor.chance
        self.people = [
            Visitor(address, self.browser()) for address in PUBLIC for _ in range(self.chance.choice((1, 1, 2, 3)))
        ]

    def browser(self) -> str:
        """A user agent."""
        return self.chance.choice(BROWSERS).format(n=self.chance.randint(138, 148), k=self.chance.randint(0, 6))

    def enter_all(self) -> None:
        """The whole week."""
        for day, visits, hours in DAYS:
            self.enter_day(moment(f"{day} 00:00"), visits, hours)
        self.enter_results()
        self.enter_robots()
        self.enter_office()

    def enter_day(self, midnight: float, visits: int, hours: tuple[int, ...]) -> None:
        """One day's visits to the portal."""
        for hour in self.chance.choices(range(24), hours, k=visits):
            when = midnight + hour * 3600 + self.chance.uniform(0, 3600)
            if self.chance.random() < 0.12:
                self.enter_app(when)
            else:
                self.enter_visit(when, self.chance.choice(self.people))

    def enter_visit(self, when: float, who: Visitor) -> None:
        """One visit: the front page or straight in, then some pages with time to read them."""
        page, assets = "/", ("/assets/site.css", "/assets/site.js", "/assets/logo.svg", "/favicon.ico")
        referer = self.chance.choice(("", "", "https://www.search.example/", "https://alderland.example/elections"))
        first = True
        for _ in range(self.chance.choice((1, 2, 2, 3, 4))):
            path, form, extra = self.next_page()
            path = page if first and self.chance.random() < 0.6 else path
            form = form if path != page else None
            shown = assets if first or self.chance.random() < 0.3 else ("/assets/site.css",)
            self.conductor.at(
                when, lambda who=who, p=path, e=shown + extra, f=form, r=referer: who.load(VOTERS, p, e, f, r)
            )  # type: ignore[misc] # defaults bind the loop's values
            when += self.chance.uniform(8, 90)
            referer, first = f"http://{VOTERS}{path}", False

    def next_page(self) -> tuple[str, dict[str, str] | None, tuple[str, ...]]:
        """What a visitor does next: path, form, pictures."""
        kinds = ("status", "place", "search", "register", "candidates", "faq", "typo")
        kind = self.chance.choices(kinds, (30, 22, 8, 18, 8, 9, 3))[0]
        if kind == "candidates":
            return "/candidates", None, tuple(f"/assets/photo-{n}.jpg" for n in range(1, 7))
        form = self.registration() if kind == "register" and self.chance.random() < 0.6 else None
        return self.path_of(kind), form, ()

    def path_of(self, kind: str) -> str:
        """The address of a page of this kind."""
        chance = self.chance
        if kind == "status":
            number = str(4_100_000 + chance.randrange(6000))
            if chance.random() < 0.04:
                slips = (number + " ", f"A{number}", number[:5], f"{number[:3]}-{number[3:]}", f"no. {number}")
                number = quote_plus(chance.choice(slips))
            year = f"&year={chance.randint(1935, 2007)}"
            return chance.choice(("/status", "/status?id=" + number, "/status?id=" + number + year))
        if kind == "place":
            return "/polling-place?postcode=" + quote(f"{1000 + chance.randrange(42)} A{chr(65 + chance.randrange(7))}")
        if kind == "search":
            return "/search?q=" + quote_plus(chance.choice(SEARCHES))
        return "/" + kind if kind in ("register", "faq") else chance.choice(TYPOS)

    def registration(self) -> dict[str, str]:
        """A filled-in form; one in ten forgets the postcode."""
        return {
            "name": self.chance.choice(("Sean O'Brien", "Anna Vos", "Lotte Smit")),
            "street": "1 Select Avenue",
            "postcode": "" if self.chance.random() < 0.1 else f"{1000 + self.chance.randrange(40)} AA",
            "born": "1990-01-01",
            "email": "someone@mail.example",
        }

    def enter_app(self, when: float) -> None:
        """The mobile app starts, asks its three questions."""
        who = Visitor(self.chance.choice(PUBLIC), APP.format(k=self.chance.randint(1, 4)))
        number = 4_100_000 + self.chance.randrange(6400)
        self.conductor.at(
            when,
            lambda: who.load(
                VOTERS, "/api/v1/token", ("/api/v1/news", f"/api/v1/status?id={number}"), {"device": "a1"}
            ),
        )

    def enter_results(self) -> None:
        """The results site: few before, very many from 21:00 on, who reload while the count goes on."""
        close = moment("11-03 21:00")
        for _ in range(300):
            self.enter_watcher(moment("10-28 06:00") + self.chance.uniform(0, 8 * 86400 - 30000), 1)
        for _ in range(1100):
            self.enter_watcher(close - 600 + self.chance.expovariate(1 / 3600), self.chance.randint(3, 22))
        for _ in range(250):
            self.enter_watcher(moment("11-04 07:00") + self.chance.uniform(0, 50_000), self.chance.randint(1, 3))

    def enter_watcher(self, when: float, reloads: int) -> None:
        """One person on the results page, which asks for new counts by itself."""
        if when > moment("11-04 23:30"):
            return
        known = self.chance.choice(self.people)
        who = Visitor(known.address, known.agent)
        self.conductor.at(
            when, lambda: who.load(RESULTS, "/", ("/assets/site.js", "/api/results.json", "/favicon.ico"))
        )
        for _ in range(reloads):
            when += self.chance.choice((20, 30, 30, 30, 60)) + self.chance.uniform(0, 4)
            path = f"/api/results.json?t={int(when) // 30}"
            self.conductor.at(when, lambda p=path: who.load(RESULTS, p, (), None, f"http://{RESULTS}/"))  # type: ignore[misc]

    def enter_robots(self) -> None:
        """The monitor, each minute all week; a search engine's crawler, now and then, with some dead links."""
        monitor = Visitor(MONITOR, "UptimeProbe/2.4 (+https://status.alderland.example)")
        start = moment("10-28 00:00")
        for minute in range(8 * 1440):
            self.conductor.at(start + minute * 60 + 7, lambda: monitor.load(VOTERS, "/health"))
            if minute % 5 == 0:
                self.conductor.at(start + minute * 60 + 21, lambda: monitor.load(RESULTS, "/api/results.json"))
        crawler = Visitor(CRAWLER, "Mozilla/5.0 (compatible; FinderBot/2.1; +http://www.search.example/bot.html)")
        pages = [
            "/robots.txt",
            "/",
            "/faq",
            "/candidates",
            "/register",
            "/status",
            "/polling-place",
            "/robots.txt",
            "/sitemap.xml",
            *TYPOS,
            "/2022/results",
            "/2018/candidates.html",
            "/news/old",
            "/2022/faq",
            "/press/2024-11-02",
        ]
        for day in range(8):
            when = start + day * 86400 + 15_000
            for path in pages:
                self.conductor.at(when, lambda p=path: crawler.load(VOTERS, p))  # type: ignore[misc]
                when += self.chance.uniform(20, 400)

    def enter_office(self) -> None:
        """The staff: all behind one address, each weekday; one mistypes the password three times, then is in."""
        for day in ("10-28", "10-29", "10-30", "11-02", "11-03", "11-04"):
            for login, password in (("m.okafor", "Tulip-2026"), ("j.devries", "Winter!Kanal")):
                who = Visitor(OFFICE, self.browser())
                when = moment(f"{day} 08:30") + self.chance.uniform(0, 2400)
                wrong = ("tulip-2026", "Tulip2026", "Tulip-2025") if (day, login) == ("10-29", "m.okafor") else ()
                for word in (*wrong, password):
                    form = {"login": login, "password": word}
                    self.conductor.at(
                        when,
                        lambda f=form, who=who: who.load(VOTERS, "/admin/login", (), f, f"http://{VOTERS}/admin/login"),
                    )  # type: ignore[misc]
                    when += self.chance.uniform(9, 25)
                for _ in range(self.chance.randint(10, 24)):  # longer pauses than a session lasts: sent to log in again
                    page = self.chance.choice(
                        ("/admin/", "/admin/registrations", "/admin/registrations", "/admin/export")
                    )
                    self.conductor.at(when, lambda p=page, who=who: who.load(VOTERS, p))  # type: ignore[misc]
                    when += self.chance.choice((60, 120, 300, 900, 1500))
            for _ in range(14):
                self.enter_visit(
                    moment(f"{day} 08:30") + self.chance.uniform(0, 30_000), Visitor(OFFICE, self.browser())
                )
