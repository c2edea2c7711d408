"""The portal's invented register of voters, its staff, and their sessions."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from pathlib import Path

SESSION_S = 20 * 60
VOTERS = 6_000
STAFF = {"m.okafor": "Tulip-2026", "j.devries": "Winter!Kanal", "admin": "h7#Ljstad-Kiesraad"}
FIRST = (
    "Anna",
    "Bram",
    "Carla",
    "Daan",
    "Eva",
    "Femke",
    "Gijs",
    "Hanna",
    "Ivo",
    "Jana",
    "Kees",
    "Lotte",
    "Mees",
    "Noor",
)
LAST = (
    "O'Brien",
    "de Vries",
    "Jansen",
    "Bakker",
    "Visser",
    "Smit",
    "Meijer",
    "D'Angelo",
    "Mulder",
    "Bos",
    "Vos",
    "Peters",
)
STREETS = ("Union Street", "Harbour Lane", "Select Avenue", "Mill Road", "Church Square", "Canal Side", "North Dyke")


def voter(number: int) -> tuple[int, str, str, str, str, str, str]:
    """One invented voter, the same for the same number."""
    name = f"{FIRST[number % len(FIRST)]} {LAST[number * 7 % len(LAST)]}"
    street = f"{number % 180 + 1} {STREETS[number % len(STREETS)]}"
    postcode = f"{1000 + number % 40:04d} A{chr(65 + number % 6)}"
    born = f"{1930 + number % 78}-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
    return 4_100_000 + number, name, street, postcode, born, "registered", f"District {number % 9 + 1}"


def database() -> sqlite3.Connection:
    """The portal's tables, filled, in memory and shared by all threads."""
    db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    db.execute(
        "CREATE TABLE voters(id INTEGER PRIMARY KEY, name TEXT, street TEXT, postcode TEXT, "
        "born TEXT, status TEXT, district TEXT)"
    )
    db.executemany("INSERT INTO voters VALUES(?,?,?,?,?,?,?)", (voter(number) for number in range(VOTERS)))
    db.execute("CREATE TABLE places(postcode TEXT, place TEXT, hours TEXT)")
    places = (
        (f"{1000 + n:04d} A{chr(65 + k)}", f"{STREETS[(n + k) % len(STREETS)]} school", "07:30-21:00")
        for n in range(40)
        for k in range(6)
    )
    db.executemany("INSERT INTO places VALUES(?,?,?)", places)
    db.execute("CREATE TABLE staff(login TEXT, password_sha256 TEXT, role TEXT)")
    rows = ((login, hashlib.sha256(word.encode()).hexdigest(), "clerk") for login, word in STAFF.items())
    db.executemany("INSERT INTO staff VALUES(?,?,?)", rows)
    return db


class Portal:
    """The portal's state: tables, sessions, uploaded files."""

    def __init__(self, uploads: Path) -> None:
        """Open the tables; uploaded files go to the folder ``uploads``."""
        self.db, self.uploads, self.lock = database(), uploads, threading.Lock()
        self.sessions: dict[str, tuple[str, float]] = {}
        self.registrations = 0

    def rows(self, sql: str, *values: str) -> list[tuple[object, ...]]:
        """Run one statement and fetch at most 200 rows; sqlite3 raises on what it does not understand."""
        with self.lock:
            return self.db.execute(sql, values).fetchmany(200)

    def open_session(self, login: str, now: float) -> str:
        """A new session's token."""
        token = hashlib.sha256(f"{login}{now}{len(self.sessions)}".encode()).hexdigest()[:32]
        self.sessions[token] = (login, now)
        return token

    def session(self, token: str, now: float) -> str | None:
        """Whose session it is, None when it is unknown or has expired. A use prolongs it."""
        login, seen = self.sessions.get(token, ("", 0.0))
        if not login or now - seen > SESSION_S:
            return None
        self.sessions[token] = (login, now)
        return login
