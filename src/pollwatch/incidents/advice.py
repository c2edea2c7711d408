"""Action cards: what somebody without a security team does now. Three steps, whom to call, what to keep."""

from __future__ import annotations

from collections.abc import Sequence

from pollwatch.detect.sigma.plan import RuleInfo
from pollwatch.events.detection import Severity
from pollwatch.i18n import _
from pollwatch.incidents.kinds import Kind, kind_of
from pollwatch.incidents.outcome import Outcome


def advice(
    kind: Kind,
    outcome: Outcome,
    severity: Severity,
    *,
    owner: str,
    place: str,
    actor: str,
    own: Sequence[str] = (),
) -> tuple[str, ...]:
    """The card of an incident, most urgent step first.

    Args:
        kind: what it is.
        outcome: whether it worked.
        severity: how grave it is; for info and low there is nothing to do but know.
        owner: whom to call; empty where the configuration does not say.
        place: what was hit, for a sentence; already harmless to print.
        actor: who acted, likewise.
        own: what the gravest rule itself says to do; instead of what is done about its kind.
    """
    if severity <= Severity.LOW:
        return (_("Nothing needs to be done now. It is kept, in case it turns out to be the first step of more."),)
    whom = (
        _("{owner} (responsible for {place})").format(owner=owner, place=place)
        if owner
        else _("whoever runs {place}").format(place=place)
    )
    worked = outcome is Outcome.WORKED
    first = (
        _("Call {whom} now, by telephone and not by e-mail, and read this page to them.")
        if worked
        else _("Tell {whom} today, and send them this page.")
    ).format(whom=whom)
    steps = own or [step.format(actor=actor, place=place) for step in general(kind, worked=worked)]
    keep = (
        _("Do not wipe, restart or clean anything: keep the machine as it is, and keep its logs of the last 90 days.")
        if worked
        else _("Keep the logs of the days around it, also the rotated ones; export this incident before they go.")
    )
    return (first, *steps, keep)


def of_rule(info: RuleInfo) -> tuple[str, ...]:
    """What somebody does first about what a rule tells: as the rule says, else as is done about its kind of attack."""
    if info.steps:
        return info.steps
    kind = kind_of(info.techniques[0]) if info.techniques else Kind.OTHER
    place, actor = _("the system that was hit"), _("the source")
    return tuple(step.format(place=place, actor=actor) for step in general(kind, worked=info.success))


def general(kind: Kind, *, worked: bool) -> tuple[str, ...]:
    """What is done about a kind of attack, with ``{actor}`` and ``{place}`` to fill in."""
    return _worked(kind) if worked else _tried(kind)


def _worked(kind: Kind) -> tuple[str, ...]:
    match kind:
        case Kind.PASSWORD | Kind.ACCESS:
            return (
                _("Lock the account that was used and end its sessions; have its owner choose a new password by hand."),
                _("Ask the owner of the account whether it was they who logged in from {actor}."),
                _("Look at what the account did afterwards, on this and on every other system it may enter."),
            )
        case Kind.PRIVILEGE:
            return (
                _("Ask the account's owner whether they did this; if not, lock the account."),
                _("List the accounts, keys and scheduled tasks that were added on {place} since then."),
            )
        case Kind.SHELL:
            return (
                _("Take {place} off the network, but leave it switched on."),
                _("Assume that all on it could be read and changed; check what is published against the originals."),
                _("Put a static copy of the page in its place, from another machine."),
            )
        case Kind.ALTERATION:
            return (
                _("Compare what the public sees with the signed originals; say which it is: a page, or the results."),
                _("If only a page was altered, say so at once: that is not an altered result."),
            )
        case Kind.THEFT:
            return (
                _("Switch off the page or the function that answered, not the whole site."),
                _("Ask your data protection officer: there may be a duty to report within 72 hours."),
            )
        case _:
            return (
                _("Switch off the page or the function that was attacked until it has been repaired."),
                _("Block {actor} at the firewall, after a look at who else comes from there."),
                _("Compare the records that the page can reach with a copy from before."),
            )


def _tried(kind: Kind) -> tuple[str, ...]:
    match kind:
        case Kind.PASSWORD | Kind.ACCESS:
            return (
                _("Check that the accounts that were tried have a second factor, or at least a long password."),
                _("Limit log-in to the addresses that need it, or at least the number of tries per hour."),
            )
        case Kind.PRIVILEGE:
            return (_("Ask the account's owner whether they did this."),)
        case Kind.FLOOD:
            return (
                _("Ask your provider to filter; before blocking, look at whom the block would hit as well."),
                _("Put a static copy of the page in its place while it lasts."),
                _("Look at the other incidents of the same hours: a flood may be there to draw the eye."),
            )
        case Kind.LOOKALIKE:
            return (
                _("Warn staff and the public with the right address; do not open the wrong one."),
                _("Ask the registrar to take it down, with a screenshot and the time."),
            )
        case Kind.PROBE:
            return (_("Check that {place} is up to date, and that nothing is published that need not be."),)
        case _:
            return (
                _("Have {place} checked for the weakness that was tried, first of all the pages that are named here."),
                _("Watch what else comes from {actor}; a block is cheap if nobody else comes from there."),
            )
