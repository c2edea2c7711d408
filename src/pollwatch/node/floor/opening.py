"""All desks of the watch floor, opened over one case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pollwatch.clock import Clock
from pollwatch.config import Config
from pollwatch.console.services import Services
from pollwatch.incidents.records import Case
from pollwatch.node.floor.changing import DatabaseChanges
from pollwatch.node.floor.office import office_of


@contextmanager
def floor(case_dir: Path, settings: Config, clock: Clock) -> Iterator[Services]:
    """The services over a case, until the block ends.

    Args:
        case_dir: the case folder.
        settings: the configuration.
        clock: the time.

    Raises:
        StoreError: there is no case, or it cannot be read.
    """
    with ExitStack() as stack:
        case = stack.enter_context(Case.open(case_dir, clock, create=False))
        changes = DatabaseChanges(case.folder.database)
        stack.callback(changes.close)
        yield Services(office=office_of(case_dir, settings), clock=clock, changes=changes)
