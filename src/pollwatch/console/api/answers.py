"""The shapes of answers that incidents' own documents do not have."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """What went wrong."""

    detail: str = Field(description="in a sentence, for people")


class Health(BaseModel):
    """That the console answers."""

    status: str = Field(description="`ok`")
    version: str = Field(description="of pollwatch")


class Watching(BaseModel):
    """How it stands, as the clerk's light says it."""

    state: str = Field(description="`normal`, `look-now`, `call-now` or `not-watching`")
    sentence: str = Field(description="why, in a sentence")
    waiting: int = Field(description="incidents that are open or being worked on, small ones aside")
    live: bool = Field(description="whether a watch runs, or ran; else it is what scans brought")
    looked: str | None = Field(description="when something was last read (RFC 3339 UTC)")
    troubles: list[str] = Field(description="what is wrong with the watch; empty: nothing")


class Source(BaseModel):
    """A source of the watch, as the watch wrote it down last."""

    name: str
    kind: str = Field(description="`files`, or how it is received")
    state: str = Field(description="`ok`, `waiting`, `behind`, `silent` or `failed`; it says nothing where none runs")
    problem: str = Field(description="why it cannot be heard; empty where it can")
    last_record: str | None = Field(description="time of its latest record, as its log says (RFC 3339 UTC)")
    last_read: str | None = Field(description="when a record came last (RFC 3339 UTC)")
    lines: int
    quarantined: int = Field(description="of these, lines that were not understood")
    dropped: int = Field(description="records that were lost on the way, as far as that can be counted")
    lag_bytes: int = Field(description="there, and not read yet")
    norm_s: int | None = Field(description="the longest silence that is normal; null: not known yet")


class Sources(BaseModel):
    """The watch and its sources."""

    running: bool = Field(description="whether the watch is at work now")
    trouble: str | None = Field(description="why nobody is watching; empty: somebody is; null: no watch ever ran")
    beat: str | None = Field(description="when the watch was at work last (RFC 3339 UTC)")
    sources: list[Source]


class Row(BaseModel):
    """An incident in a list."""

    id: str
    title: str = Field(description="may hold what an attacker wrote: make it inert before you show it")
    severity: str = Field(description="`info`, `low`, `medium`, `high` or `critical`")
    status: str = Field(description="`open`, `acknowledged`, `closed` or `false-positive`")
    assignee: str | None = Field(description="who works on it; null: the token may not see names")
    summary: str = Field(description="as for the title")
    techniques: list[str] = Field(description="ATT&CK ids")
    targets: list[str]
    first: str | None = Field(description="RFC 3339 UTC")
    last: str | None = Field(description="RFC 3339 UTC")
    line_count: int
    updated: str | None = Field(description="when a scan or people last changed it")


class Page(BaseModel):
    """A page of incidents."""

    incidents: list[Row]
    total: int = Field(description="how many the question has in all")
    next: str | None = Field(description="cursor of the page after this; null: this is the last")


class Done(BaseModel):
    """An incident after something was done to it."""

    id: str
    status: str
    assignee: str | None


class History(BaseModel):
    """One thing that was done to an incident."""

    at: str | None
    who: str
    kind: str
    status: str
    text: str


class Deed(BaseModel):
    """One row of the audit trail."""

    id: int
    at: str | None
    actor: str = Field(description="the account's id, `token:ID` or `machine:USER`; empty: nobody was signed in")
    who: str
    role: str
    address: str
    action: str
    about: str
    detail: dict[str, Any]
    outcome: str = Field(description="`done`, `refused`, `failed`, `unknown`; empty: it goes on")
    entry: int | None = Field(description="entry of the private log that commits to it; null: not yet")


class Trail(BaseModel):
    """Rows of the audit trail, the latest first."""

    rows: list[Deed]
    next: int | None = Field(description="`before` of the page after this; null: this is the last")
