"""All desks of the watch floor, opened over one case."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pollwatch.clock import Clock
from pollwatch.config import Config
from pollwatch.console.services import Services
from pollwatch.errors import StoreError
from pollwatch.incidents.eventsql import EventSql
from pollwatch.incidents.inbox import Inbox
from pollwatch.incidents.records import Case
from pollwatch.incidents.saved import SavedQuestions
from pollwatch.node.floor.alarms import FloorAlarms
from pollwatch.node.floor.asking import FloorSql
from pollwatch.node.floor.attack import FloorAttack
from pollwatch.node.floor.changing import DatabaseChanges
from pollwatch.node.floor.clerk import FloorClerk
from pollwatch.node.floor.incidents import FloorIncidents
from pollwatch.node.floor.joint import FloorJoint
from pollwatch.node.floor.office import Current
from pollwatch.node.floor.rules import FloorRules
from pollwatch.node.floor.settings import FloorSettings
from pollwatch.node.floor.sources import FloorSources
from pollwatch.store.database import Database


@contextmanager
def warming(inbox: Inbox) -> Iterator[None]:
    """Read the columns of the inbox beside what else begins: of a million incidents that is seconds."""

    def work() -> None:
        with suppress(StoreError):  # whoever asks first is told
            inbox.warm()

    thread = threading.Thread(target=work, name="reading the inbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def floor(
    case_dir: Path,
    settings: Config,
    clock: Clock,
    reread: Callable[[], Config] | None = None,
    helpers: Callable[[], Sequence[str]] = tuple,
) -> Iterator[Services]:
    """The services over a case, until the block ends.

    Args:
        case_dir: the case folder.
        settings: the configuration.
        clock: the time.
        reread: reads the configuration again when its file has changed; None = it stays as it is.
        helpers: the names of those who can help somebody who is not sure.

    Raises:
        StoreError: there is no case, or it cannot be read.
    """
    with ExitStack() as stack:
        case = stack.enter_context(Case.open(case_dir, clock, create=False))
        changes = DatabaseChanges(case.folder.database)
        stack.callback(changes.close)
        inbox = stack.enter_context(Inbox.open(case_dir))
        stack.enter_context(warming(inbox))
        database = Database(case.folder.database)
        stack.callback(database.close)
        current = Current(case_dir, settings, reread)
        rules = FloorRules(case, inbox, os.environ, case_dir)
        yield Services(
            offices=current.office,
            clock=clock,
            changes=changes,
            incidents=FloorIncidents(case, inbox, clock, current.settings),
            clerk=FloorClerk(case, inbox, clock, current.settings, helpers),
            rules=rules,
            sources=FloorSources(case, current.settings, clock),
            attack=FloorAttack(inbox, rules, lambda: current.office().title),
            joint=FloorJoint(case, clock),
            asking=FloorSql(stack.enter_context(EventSql.open(case_dir))),
            saved=SavedQuestions(database, clock),
            settings=FloorSettings(current.file),
            alarms=FloorAlarms(database, lambda: current.settings().notify, clock),
        )
