"""The collections of a gateway that stands elsewhere, as its inside node uses them: calls over signed requests.

:data:`CALLS` names every call that may be made and the types of what goes in and comes out; nothing else of the store
can be reached so. Arguments and results travel as JSON of these types, which both ends check.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import msgspec

from pollwatch.errors import FormatError, PeerError
from pollwatch.sharing.taxii.grants import Shelf, Terms
from pollwatch.sharing.taxii.intake import Candidate, Failure
from pollwatch.sharing.taxii.journal import Event, Request
from pollwatch.sharing.taxii.store import Kept, Store


class Shelves(Protocol):
    """What the inside node does with collections; :class:`pollwatch.sharing.taxii.store.Store` says what each means."""

    def make_collection(self, terms: Terms) -> Shelf:
        """Make a collection."""

    def collections(self) -> tuple[Shelf, ...]:
        """All of them."""

    def collection(self, name: str) -> Shelf | None:
        """One of them, by id or alias."""

    def count(self, shelf: Shelf) -> int:
        """How many versions of objects one holds."""

    def holds(self, shelf: Shelf, object_id: str) -> bool:
        """Whether one holds an object."""

    def add(self, shelf: Shelf, request: Request, offered: Sequence[Candidate | Failure]) -> bytes:
        """Put objects in; the status."""

    def delete(self, shelf: Shelf, request: Request, object_id: str) -> int:
        """Take an object out; how many versions there were."""

    def unsealed(self) -> tuple[Event, ...]:
        """Requests that were carried out and are not sealed yet."""

    def sealed(self, event: Event) -> None:
        """Note that one is."""

    def kept(self, event: Event) -> tuple[Kept, ...]:
        """What it put in."""


@dataclass(frozen=True, slots=True)
class _Offered:
    """Objects that are put in, and those that could not be."""

    taken: list[Candidate]
    failed: list[Failure]


_Given = list[Any]
#: Name to the types of the arguments, the type of the result, and how the store is called.
CALLS: Final[dict[str, tuple[Any, Any, Callable[[Store, _Given], Any]]]] = {
    "make_collection": (tuple[Terms], Shelf, lambda store, given: store.make_collection(given[0])),
    "collections": (tuple[()], tuple[Shelf, ...], lambda store, _given: store.collections()),
    "collection": (tuple[str], Shelf | None, lambda store, given: store.collection(given[0])),
    "count": (tuple[Shelf], int, lambda store, given: store.count(given[0])),
    "holds": (tuple[Shelf, str], bool, lambda store, given: store.holds(given[0], given[1])),
    "add": (
        tuple[Shelf, Request, _Offered],
        bytes,
        lambda store, given: store.add(given[0], given[1], [*given[2].taken, *given[2].failed]),
    ),
    "delete": (tuple[Shelf, Request, str], int, lambda store, given: store.delete(given[0], given[1], given[2])),
    "unsealed": (tuple[()], tuple[Event, ...], lambda store, _given: store.unsealed()),
    "sealed": (tuple[Event], None, lambda store, given: store.sealed(given[0])),
    "kept": (tuple[Event], tuple[Kept, ...], lambda store, given: store.kept(given[0])),
}


def answer(store: Store, name: str, arguments: bytes) -> bytes:
    """Make a call for the inside node.

    Args:
        store: whose.
        name: of the call.
        arguments: as JSON.

    Raises:
        FormatError: no such call, or other arguments than it takes.
        PolicyError, StoreError: what the store says.
    """
    if name not in CALLS:
        raise FormatError(f"collections know no call {name[:40]!r}")
    takes, _gives, call = CALLS[name]
    try:
        given = msgspec.json.decode(arguments, type=takes) if takes != tuple[()] else ()
    except msgspec.MsgspecError as error:
        raise FormatError(f"the call {name} takes something else: {error}") from error
    return msgspec.json.encode(call(store, list(given)))


class CalledShelves:
    """Collections over calls: :class:`Shelves`."""

    def __init__(self, call: Callable[[str, bytes], bytes]) -> None:
        """Make calls in this way: given a name and the arguments as JSON, it gives the result as JSON."""
        self._send = call

    def make_collection(self, terms: Terms) -> Shelf:
        """See :class:`Shelves`."""
        return cast("Shelf", self._call("make_collection", terms))

    def collections(self) -> tuple[Shelf, ...]:
        """See :class:`Shelves`."""
        return cast("tuple[Shelf, ...]", self._call("collections"))

    def collection(self, name: str) -> Shelf | None:
        """See :class:`Shelves`."""
        return cast("Shelf | None", self._call("collection", name))

    def count(self, shelf: Shelf) -> int:
        """See :class:`Shelves`."""
        return cast("int", self._call("count", shelf))

    def holds(self, shelf: Shelf, object_id: str) -> bool:
        """See :class:`Shelves`."""
        return cast("bool", self._call("holds", shelf, object_id))

    def add(self, shelf: Shelf, request: Request, offered: Sequence[Candidate | Failure]) -> bytes:
        """See :class:`Shelves`."""
        taken = [each for each in offered if isinstance(each, Candidate)]
        failed = [each for each in offered if isinstance(each, Failure)]
        return cast("bytes", self._call("add", shelf, request, _Offered(taken, failed)))

    def delete(self, shelf: Shelf, request: Request, object_id: str) -> int:
        """See :class:`Shelves`."""
        return cast("int", self._call("delete", shelf, request, object_id))

    def unsealed(self) -> tuple[Event, ...]:
        """See :class:`Shelves`."""
        return cast("tuple[Event, ...]", self._call("unsealed"))

    def sealed(self, event: Event) -> None:
        """See :class:`Shelves`."""
        self._call("sealed", event)

    def kept(self, event: Event) -> tuple[Kept, ...]:
        """See :class:`Shelves`."""
        return cast("tuple[Kept, ...]", self._call("kept", event))

    def _call(self, name: str, *arguments: object) -> object:
        found = self._send(name, msgspec.json.encode(list(arguments)))
        try:
            return msgspec.json.decode(found, type=CALLS[name][1])
        except msgspec.MsgspecError as error:
            raise PeerError(f"our gateway answers the call {name} with something else: {error}") from error
