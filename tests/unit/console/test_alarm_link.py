"""The link in a message: it shows little, does nothing by being opened, and answers only when it is asked to."""

from __future__ import annotations

import re
from pathlib import Path

from console_scenes import NOW_US, Visitor, hall
from notify_scenes import SETTINGS, happen, settings
from pollwatch.config import Config
from pollwatch.election.calendar import Calendar
from pollwatch.events.detection import Severity
from pollwatch.node.notifying.loop import Notifier
from pollwatch.notify import alarms, answering
from pollwatch.store.database import Database


def test_the_link_asks_before_it_answers(tmp_path: Path) -> None:
    """Attack: a mail program, a crawler or a stranger opens links; only the button on the page answers, once."""
    with hall(tmp_path / "case", config=Config(notify=settings(SETTINGS))) as place:
        database = Database(place.case_dir / "case.sqlite")
        happen(database, "PW-1", Severity.HIGH, NOW_US, title="Secret name of a system")
        notifier = Notifier(database, settings(), Calendar(), place.clock, {}, lambda _to, _message: None)
        notifier.tick()
        with database.writing() as connection:
            key = alarms.key(connection)
        token, code = answering.token(key, 1, "Ada"), answering.code(key, 1, "Ada")
        visitor = Visitor(place.app)
        page = visitor.get(f"/alarm/{token}")
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        assert "I have it" in page.text
        assert "Secret" not in page.text
        assert "PW-1" not in page.text
        assert visitor.get(f"/alarm/{token}").text.count("I have it") == page.text.count("I have it")
        for wrong in (code, token[:-1] + ("a" if token[-1] != "a" else "b"), token.replace("1-", "2-", 1), "x" * 59):
            assert visitor.get(f"/alarm/{wrong}").status_code == 404
            assert visitor.post(f"/alarm/{wrong}", {}).status_code == 404
        with database.reading() as connection:
            assert alarms.get(connection, 1).open
        assert visitor.post(f"/alarm/{token}", {"csrf": "forged"}).status_code == 403
        done = visitor.post(f"/alarm/{token}", {})
        assert (done.status_code, done.headers["location"]) == (303, f"/alarm/{token}")
        assert re.search(r"Ada has it", visitor.get(f"/alarm/{token}").text)
        with database.reading() as connection:
            assert alarms.get(connection, 1).acked_by == "Ada"
        database.close()
