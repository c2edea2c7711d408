"""How the portal's pages look."""

from __future__ import annotations

import html
import json

MENU = (
    ("/", "Home"),
    ("/status", "My registration"),
    ("/register", "Register"),
    ("/polling-place", "Polling place"),
    ("/candidates", "Candidates"),
    ("/faq", "Questions"),
)


def page(title: str, body: str) -> bytes:
    """A whole HTML page."""
    menu = " ".join(f'<a href="{path}">{text}</a>' for path, text in MENU)
    return (
        f'<!doctype html><html lang="en"><title>{title}</title><link rel="stylesheet" href="/assets/site.css">'
        '<script src="/assets/site.js" defer></script><header><img src="/assets/logo.svg" alt="">'
        f"<b>Alderland municipal election, 3 November 2026</b></header><nav>{menu}</nav>"
        f"<main><h1>{title}</h1>{body}</main>"
    ).encode()


QUESTIONS = (
    "Where can I drop off my ballot?",
    "Can I select a union member as my proxy?",
    "Who may vote from abroad?",
    'What does "1=1 vote per person" mean?',
    "How do I update or delete my registration?",
    "Which document do I bring?",
    "Where do I find the results?",
    "Can O'Brien and D'Angelo be on one list?",
)


def table(rows: list[tuple[object, ...]]) -> str:
    """Rows as an HTML table."""
    return (
        "<table>"
        + "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
        + "</table>"
    )


def json_bytes(value: object) -> bytes:
    """A JSON answer."""
    return json.dumps(value).encode()  # noqa: TID251 - the lab stands alone and imports nothing of pollwatch
