"""The words that a configuration may use for phases of an election and for kinds of systems.

Both are closed lists: a phase or kind that is spelt differently would silently lose its priority, so an unknown
word is an error that names the nearest known one. The phases follow the election cycle as the EU NIS Cooperation
Group's compendium and NIST IR 8310 divide it.
"""

from __future__ import annotations

from typing import Final

#: In the order of the calendar.
PHASES: Final = (
    "preparation",
    "registration",
    "registration-deadline",
    "campaign",
    "early-voting",
    "election-day",
    "results-night",
    "canvass",
    "certification",
    "aftermath",
)

#: Phases overlap (a campaign runs while people register). The one that is named first here speaks for the moment.
URGENCY: Final = (
    "results-night",
    "election-day",
    "registration-deadline",
    "early-voting",
    "canvass",
    "certification",
    "registration",
    "campaign",
    "preparation",
    "aftermath",
)

#: Phases in which anything that happens matters more, whatever system it happens to.
HOT_PHASES: Final = frozenset({"registration-deadline", "early-voting", "election-day", "results-night", "canvass"})

#: Kind of system -> the phases in which its failure or alteration cannot be made good in time.
CRITICAL_PHASES: Final[dict[str, frozenset[str]]] = {
    # voter registration database and its public form
    "registration": frozenset({"registration", "registration-deadline", "early-voting", "election-day"}),
    # publication of results
    "results": frozenset({"results-night", "canvass", "certification"}),
    # counting and transmission of votes
    "tabulation": frozenset({"election-day", "results-night", "canvass"}),
    # "am I registered, where do I vote"
    "portal": frozenset({"registration-deadline", "early-voting", "election-day"}),
    # other public pages of the authority
    "website": frozenset({"election-day", "results-night"}),
    # mail of the staff: the usual way in, and the usual way to spread false word
    "email": frozenset({"early-voting", "election-day", "results-night"}),
    # workstations and servers of the staff
    "office": frozenset({"early-voting", "election-day", "results-night"}),
    # parties and candidates
    "party": frozenset({"campaign", "election-day"}),
    # lines, name servers, firewalls, remote access
    "network": frozenset({"early-voting", "election-day", "results-night"}),
    "other": frozenset({"election-day", "results-night"}),
}

KINDS: Final = tuple(CRITICAL_PHASES)
