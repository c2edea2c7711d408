"""The options by which a charter's terms are given, to a first charter and to a change of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import rich_click as click

from pollwatch.errors import UsageError
from pollwatch.i18n import _

if TYPE_CHECKING:
    from pollwatch.members.charter import Charter
    from pollwatch.members.rules import Amendment, MatchingRules, Quorum
    from pollwatch.node.charter.enrol import Terms

_TLP = ("clear", "green", "amber", "amber+strict", "red")
_F = TypeVar("_F", bound=Callable[..., Any])
#: What an option gives.
Given: TypeAlias = "int | str | tuple[str, ...] | None"


def options(function: _F) -> _F:
    """The options; what is not given stays as usual, or as it was."""
    for each in reversed(
        (
            click.option("--election", "elections", multiple=True, help="Election that is watched; may be repeated."),
            click.option("--statements", type=int, help="How many members sign a statement.  [first: all]"),
            click.option("--blocs", type=int, help="From how many blocs they come.  [first: all]"),
            click.option("--cosigners", type=int, help="How many others cosign a log to raise its grade.  [first: 1]"),
            click.option("--tlp", type=click.Choice(_TLP), help="Marking unless said otherwise.  [first: amber]"),
            click.option("--reply-days", type=click.IntRange(0, 365), help="Days to answer a claim.  [first: 7]"),
            click.option("--releasers", type=click.IntRange(1, 2), help="Persons who agree to a release.  [first: 1]"),
            click.option(
                "--amend-members", type=int, help="How many members sign a change; 0 = all.  [first: two thirds]"
            ),
            click.option("--amend-blocs", type=int, help="From how many blocs they come.  [first: two, if there are]"),
            click.option(
                "--matching",
                multiple=True,
                metavar="RULE=VALUE",
                help="A rule of private matching (items, runs, epoch_s, threshold, blocs, min_age_s, audit_permille, "
                "auditor); may be repeated.",
            ),
        )
    ):
        function = each(function)
    return function


@dataclass(frozen=True, slots=True)
class Chosen:
    """The terms that were given; None or empty where nothing was."""

    elections: tuple[str, ...]
    quorum: tuple[int | None, int | None, int | None]
    tlp: str | None
    reply_days: int | None
    releasers: int | None
    amendment: tuple[int | None, int | None]
    matching: Mapping[str, str]

    def for_first(self, name: str) -> Terms:
        """The terms of a first charter.

        Raises:
            UsageError: half of what belongs together was given.
        """
        from pollwatch.members.marking import Tlp
        from pollwatch.members.rules import MatchingRules
        from pollwatch.node.charter.enrol import Terms

        return Terms(
            name,
            self.elections,
            self._quorum(None),
            Tlp.parse(self.tlp or "amber"),
            (7 if self.reply_days is None else self.reply_days) * 86_400,
            releasers=self.releasers or 1,
            matching=self._matching(MatchingRules()),
            amendment=self._amendment(None),
        )

    def for_change(self, before: Charter) -> dict[str, Any]:
        """The fields of a charter that a change names.

        Raises:
            UsageError: a rule of matching that there is not.
        """
        from pollwatch.members.marking import Tlp

        found: dict[str, Any] = {}
        if self.elections:
            found["elections"] = self.elections
        if any(each is not None for each in self.quorum):
            found["quorum"] = self._quorum(before.quorum)
        if self.tlp is not None:
            found["tlp_default"] = Tlp.parse(self.tlp)
        if self.reply_days is not None:
            found["reply_window_s"] = self.reply_days * 86_400
        if self.releasers is not None:
            found["releasers"] = self.releasers
        if any(each is not None for each in self.amendment):
            found["amendment"] = self._amendment(before.amendment)
        if self.matching:
            found["matching"] = self._matching(before.matching)
        return found

    def _quorum(self, before: Quorum | None) -> Quorum | None:
        from pollwatch.members.rules import Quorum

        statements, blocs, cosigners = self.quorum
        if before is None:
            if statements is None and blocs is None and cosigners is None:
                return None
            if statements is None or blocs is None or cosigners is None:
                raise UsageError(_("give all of --statements, --blocs and --cosigners, or none of them"))
            return Quorum(statements, blocs, cosigners)
        given = {"statements": statements, "blocs": blocs, "cosigners": cosigners}
        return replace(before, **{name: value for name, value in given.items() if value is not None})

    def _amendment(self, before: Amendment | None) -> Amendment | None:
        from pollwatch.members.rules import Amendment

        members, blocs = self.amendment
        if before is None:
            if members is None and blocs is None:
                return None
            if members is None or blocs is None:
                raise UsageError(_("give both of --amend-members and --amend-blocs, or none of them"))
            return Amendment(members, blocs)
        given = {"members": members, "blocs": blocs}
        return replace(before, **{name: value for name, value in given.items() if value is not None})

    def _matching(self, before: MatchingRules) -> MatchingRules:
        known = before.record()
        found: dict[str, Any] = {}
        for name, value in self.matching.items():
            if name not in known:
                words = _("no rule of matching {name!r}; there are {known}")
                raise UsageError(words.format(name=name, known=", ".join(known)))
            if isinstance(known[name], int) and not value.isdecimal():
                words = _("the rule of matching {name} is a number, not {value!r}")
                raise UsageError(words.format(name=name, value=value))
            found[name] = int(value) if isinstance(known[name], int) else value
        return replace(before, **found)


def chosen(given: Mapping[str, Any]) -> Chosen:
    """What the options gave.

    Raises:
        FormatError: a rule of matching that is not written ``RULE=VALUE``.
    """
    from pollwatch.node.charter.drafting import pairs

    return Chosen(
        given["elections"],
        (given["statements"], given["blocs"], given["cosigners"]),
        given["tlp"],
        given["reply_days"],
        given["releasers"],
        (given["amend_members"], given["amend_blocs"]),
        pairs(given["matching"], "--matching"),
    )
