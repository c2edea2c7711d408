"""A case of four members with names in four scripts, one of whom writes what no page should run."""

from __future__ import annotations

import datetime as dt
from functools import cache
from zoneinfo import ZoneInfo

from attribution_scenes import T, Table
from pollwatch.attribution import closing, hypotheses, inquiry, matrix, measure, statement
from pollwatch.attribution import opinion as opinions
from pollwatch.attribution.closing import Outcome
from pollwatch.attribution.hypotheses import Fit
from pollwatch.attribution.measure import Deed, Kind, Result
from pollwatch.attribution.scale import Stance
from pollwatch.attribution.statement import Draft
from pollwatch.attribution.subject import Named
from pollwatch.clock import UTC
from pollwatch.election.settings import parse_elections
from pollwatch.i18n import speaking
from pollwatch.members import roll as rolls
from pollwatch.members.marking import Tlp
from pollwatch.members.rules import Quorum
from pollwatch.report.dossier import contents
from pollwatch.report.dossier.blocks import Document
from pollwatch.report.dossier.material import Checkpoint, Enclosed, Material, Place
from pollwatch.stix.leaf import Leaf

KYIV, ARABIC, CEDAR, HEBREW = "Центральна виборча комісія", "المفوضية العليا", "Cedar Ministry", "ועדת הבחירות"
DENIAL = "We deny this in full. The network was leased to a third party on 3 October, and the lease is public."
DISSENT = "Our own inquiry goes on; three offices are not an election."
TYPST = '#eval("1+1") #panic("ran") $x$ *b* `r` @preview <lab> #import "@preview/x:0.1.0": * /* // \\ ] } { ['
HTML = "<script>window.pwned=1</script><img src=x onerror=window.pwned=1> &lt;"
BIDI = "\u202egpj.exe\u202c \u2066hidden\u2069 \x1b[2J\x00"
HOSTILE = f"{TYPST}\n{HTML}\n{BIDI}\n{'x' * 300} 王小明"


@cache
def table(*, exercise: bool = False) -> Table:
    """Claimed, denied, weighed, asked, stated, dissented."""
    blocs = ((KYIV, "east"), (ARABIC, "south"), (CEDAR, "west"), (HEBREW, "north"))
    found = Table(blocs, Quorum(3, 2, 1), exercise=exercise)
    claim = found.claim(KYIV, CEDAR, 60)
    for name, stance, text in (
        (CEDAR, Stance.STRONGLY_DISAGREE, f"{DENIAL}\n\n{HOSTILE}"),
        (ARABIC, Stance.AGREE, "رأينا العناوين نفسها (203.0.113.7) في 3 نوفمبر."),
    ):
        found.say(opinions.to_stix(claim.subject, stance, text, found.maker(name, 7200)))
    ended = closing.to_stix(claim.name, Outcome.REFUTED, "The tools were planted.", found.maker(ARABIC, 9000))
    found.say(ended)
    _weigh(found)
    _act(found, Named.of(found.incident))
    asked = inquiry.ask(found.member(CEDAR), found.incident["id"], "Who leased it?", T + 10**10, found.maker(KYIV, 300))
    found.say(asked)
    draft = Draft("Common attackers", "The same sources came to three.", (Named.of(found.incident),), (), T + 10**11)
    said = statement.to_stix(draft, found.maker(ARABIC, 8000))
    stated = statement.from_stix(found.say(said), found.member(ARABIC), found.charter.members)
    found.notice(stated.name, ARABIC, HEBREW, 8000)
    for name, stance, text in (
        (KYIV, Stance.AGREE, "Бачили й тут."),
        (HEBREW, Stance.STRONGLY_AGREE, "גם כאן."),
        (CEDAR, Stance.DISAGREE, DISSENT),
    ):
        found.say(opinions.to_stix(stated.subject, stance, text, found.maker(name, 8100)))
    return found


def _act(found: Table, about: Named) -> None:
    """Kyiv reports the address to its network, which answers."""
    deed = Deed(Kind.ABUSE, "Оксана", "The address attacked us.", "abuse@isp.example", "9a" * 32)
    said = found.say(measure.to_stix(about, deed, found.maker(KYIV, 9500)))
    taken = measure.from_stix(said, found.member(KYIV))
    found.say(measure.to_outcome(taken, Result.ACTED, "The machine was cut off.", found.maker(KYIV, 9600)))


def _weigh(found: Table) -> None:
    """Two items; what Kyiv brings points at Cedar, and nothing else does."""
    incident = found.incident["id"]
    named = hypotheses.suppose(incident, "Cedar did it.", found.member(CEDAR), found.maker(KYIV, 100))
    supposed = hypotheses.hypothesis_from_stix(found.say(named), found.member(KYIV), found.charter)
    leaf = (Leaf("kyiv/log/private", 3, "ab" * 32),)
    items = []
    for number, (name, text) in enumerate(((KYIV, "Tools were found at Cedar."), (HEBREW, f"At noon. {HOSTILE}"))):
        made = found.say(hypotheses.add_item(incident, text, leaf, found.maker(name, 200 + number)))
        items.append(hypotheses.item_from_stix(made, found.member(name)))
    fits = (
        (Fit.STRONGLY_CONSISTENT, Fit.STRONGLY_INCONSISTENT, Fit.INCONSISTENT),
        (Fit.INCONSISTENT, Fit.CONSISTENT, Fit.INCONSISTENT),
    )
    columns = (supposed, *hypotheses.standing())
    for after_s, (name, row, column) in enumerate((n, r, c) for n in (KYIV, ARABIC) for r in (0, 1) for c in (0, 1, 2)):
        maker = found.maker(name, 1000 + after_s)
        found.say(hypotheses.rate(items[row], columns[column], fits[row][column], "So it looks.", maker))


@cache
def document(language: str = "en", *, exercise: bool = False) -> Document:
    """The same, made up as a document in a language."""
    with speaking(language):
        return contents.make(material(exercise=exercise))


def material(*, exercise: bool = False) -> Material:
    """The case as Kyiv's node gathers it."""
    found = table(exercise=exercise)
    record = found.record()
    opening, closing = (dt.datetime(2026, 11, 3, hour, tzinfo=UTC) for hour in (7, 20))
    polls = {"name": "Election", "zone": "Europe/Kyiv", "polls_open": opening, "polls_close": closing}
    calendar = parse_elections([polls], "test")
    claim = record.judged[0].claim
    return Material(
        issuer=found.member(KYIV),
        charter=found.charter,
        roll=rolls.of(found.charter),
        incident=found.incident,
        own=None,
        span_us=(T - 7_200_000_000, T - 3_600_000_000),
        others=[],
        record=record,
        matrix=matrix.build(found.incident["id"], record.papers, found.charter),
        places={claim.id: Place(12, "cd" * 32)},
        leaves=[Leaf("kyiv/log/private", 7, "ef" * 32)],
        checkpoint=Checkpoint("kyiv/shared", 412, "12" * 32, (ARABIC, HEBREW)),
        proof=None,
        unproven="the originals are gone",
        coverage=(),
        files=[Enclosed("record.json", "34" * 32, "pollwatch verify record.json --charter charter.note")],
        calendar=calendar,
        tlp=Tlp.AMBER,
        as_of_us=T + 20_000_000_000,
        zone=ZoneInfo("Europe/Kyiv"),
    )
