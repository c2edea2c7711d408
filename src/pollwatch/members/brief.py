"""A charter on one page, in plain words, for whoever has to answer for signing it."""

from __future__ import annotations

from collections.abc import Iterator

from pollwatch.clock import rfc3339
from pollwatch.i18n import _, ngettext
from pollwatch.members.charter import Charter
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Member, Role

_DAY_S = 86_400


def brief(charter: Charter, me: Member | None = None) -> str:
    """One page: who, what may leave, who decides, how to get out.

    Args:
        charter: what is explained; names in it are as its members wrote them.
        me: whose side the page is written for, where that is known.
    """
    sections = (
        (_("Who is in it"), _who(charter, me)),
        (_("What others may learn from you"), _leaves(charter)),
        (_("What you may learn from others"), _comes(charter)),
        (_("Who decides"), _decides(charter)),
        (_("If you are accused"), _accused(charter)),
        (_("How to get out"), _out(charter)),
        (_("What it does not promise"), _not_promised()),
    )
    head = _("{name}: what you sign").format(name=charter.name)
    lines = [_("EXERCISE: nothing in it is real."), ""] if charter.exercise else []
    lines += [head, "=" * len(head), ""]
    for title, content in sections:
        lines += [title, *(f"- {line}" for line in content), ""]
    words = _("In force from {when}. Fingerprint, to compare with the others: {digest}")
    lines.append(words.format(when=rfc3339(charter.effective_us), digest=charter.digest))
    return "\n".join(lines) + "\n"


def _who(charter: Charter, me: Member | None) -> Iterator[str]:
    roles = {
        Role.MEMBER: _("votes"),
        Role.OBSERVER: _("reads, does not vote"),
        Role.AUDITOR: _("checks samples, does not vote"),
    }
    for each in charter.members:
        you = " " + _("(you)") if me is not None and each.identity == me.identity else ""
        yield _("{name}{you}, of bloc {bloc}: {role}").format(
            name=each.name, you=you, bloc=each.bloc, role=roles[each.role]
        )
    yield _("Members of one bloc count as one wherever independence matters.")
    if charter.elections:
        yield _("Watched: {elections}.").format(elections=", ".join(charter.elections))


def _leaves(charter: Charter) -> Iterator[str]:
    yield _("Nothing leaves by itself but this: at a fixed interval one seal of a fixed size, which tells nothing.")
    yield ngettext(
        "Each release of an incident or an indicator is decided by {n} person of yours, and kept byte for byte.",
        "Each release of an incident or an indicator is decided by {n} persons of yours, and kept byte for byte.",
        charter.releasers,
    ).format(n=charter.releasers)
    yield _("Unless said otherwise a release is marked {tlp}: {meaning}").format(
        tlp=charter.tlp_default.label, meaning=_meaning(charter.tlp_default)
    )
    yield _("Raw logs, names of users and what was attacked are not in a release. Voter records never leave.")
    yield _("What you switch on goes to one member at a time, step by step: reading, cosigning, matching, sharing.")


def _meaning(tlp: Tlp) -> str:
    return {
        Tlp.CLEAR: _("anybody may know it."),
        Tlp.GREEN: _("the community may know it, the public may not."),
        Tlp.AMBER: _("the receiving organisation and its clients may know it, as far as they need to."),
        Tlp.AMBER_STRICT: _("the receiving organisation alone may know it."),
        Tlp.RED: _("only the persons named may know it."),
    }[tlp]


def _comes(charter: Charter) -> Iterator[str]:
    yield _("What the others release to you; nobody acts on the word of one bloc alone.")
    rules = charter.matching
    yield _(
        "Matching shows two members what both have seen, and nothing else: at most {items} items, {runs} times in "
        "{days} days, counted by all."
    ).format(items=rules.items, runs=rules.runs, days=max(1, rules.epoch_s // _DAY_S))
    auditor = rules.auditor or _("nobody")
    yield _("Who fishes in it is seen by all; samples of what was entered are opened to: {auditor}.").format(
        auditor=auditor
    )


def _decides(charter: Charter) -> Iterator[str]:
    voters = [each for each in charter.members if each.role is Role.MEMBER]
    quorum, rule = charter.quorum, charter.amendment
    yield _(
        "A joint statement takes {n} of {all} voting members, from {blocs} blocs. You always speak for yourself."
    ).format(n=quorum.statements, all=len(voters), blocs=quorum.blocs)
    needed = rule.needed(len(voters))
    if needed == len(voters):
        yield _("Nothing in this charter changes unless all {all} voting members sign the change.").format(all=needed)
    else:
        yield _(
            "This charter changes when {n} of {all} voting members, from {blocs} blocs, sign the change. You can be "
            "outvoted, and removed; nobody can use your keys or your name without you."
        ).format(n=needed, all=len(voters), blocs=rule.blocs)
    yield _("Nobody can stop you from recording, or from showing your own evidence to anybody.")


def _accused(charter: Charter) -> Iterator[str]:
    days = charter.reply_window_s // _DAY_S
    yield ngettext(
        "You are told, and have {n} day to answer.", "You are told, and have {n} days to answer.", days
    ).format(n=days)
    yield _("Your answer travels with every copy of the accusation, unaltered; nobody can leave it out.")
    yield _("You do not count in a quorum about yourself.")


def _out(_charter: Charter) -> Iterator[str]:
    yield _("At any moment, alone, without anybody's consent and without giving a reason: pollwatch leave.")
    yield _("To stop all traffic to one member within a second, and stay: pollwatch sever MEMBER.")
    yield _("The others are asked to delete what they received from you; who confirms that is on record.")
    yield _("What they have received cannot be recalled.")


def _not_promised() -> Iterator[str]:
    yield _("That what a member says is true: the signatures show who said it and when, not that it is so.")
    yield _("That a member tells all that it knows: what was left out cannot be shown.")
    yield _("That what you release stays where you sent it: who passes it on breaks its marking, and is not prevented.")
