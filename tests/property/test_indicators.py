"""Indicators: readers that never break, patterns that come back as they were, and a score that cannot be bought."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from pollwatch.errors import FormatError
from pollwatch.events.detection import Severity
from pollwatch.events.observable import Kind, Observable, guessed, normalised
from pollwatch.members.marking import Tlp
from pollwatch.sharing.indicators import reading, scoring, standing
from pollwatch.sharing.indicators.indicator import Act, Decision, Indicator, Origin, Report, Source, indicator_id
from pollwatch.stix import pattern

NOW_US = 1_793_700_000_000_000
ADDRESS = guessed("203.0.113.7")
ages = st.integers(0, 200 * scoring.DAY_US)
standings = st.floats(0.01, 0.99)
pieces = st.sampled_from(
    [b"203.0.113.7", b"evil[.]example", b",", b";", b"\n", b"#", b'"', b"value", b"type", b"\x00", b"\xff\xfe", b"{",
     b'{"Event":{"Attribute":[{"type":"domain","value":"a.example","to_ids":"1"}]}}',
     b'{"objects":[{"type":"indicator"}]}', b"}",
     b"[ipv4-addr:value = '203.0.113.7']", b"2001:db8::/32-", b"hxxp://", b"@", b"\xe4"]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=300), st.lists(pieces, max_size=30).map(b"".join)), st.sampled_from(["", "csv"]))
def test_reading_arbitrary_bytes_never_breaks(data: bytes, format_name: str) -> None:
    """Whatever a feed sends is read, listed with its reason, or refused as a whole; what is read is in one spelling."""
    try:
        found = reading.read_bytes(data, format_name)
    except FormatError:
        return
    for each in found.candidates:
        assert normalised(each.observable.kind, each.observable.value) == each.observable
    assert all(each.reason for each in found.refused)


@given(st.text(alphabet="[]()'\\ =,.:INOR4a-zipvdr19", max_size=60))
@example("[ipv4-addr:value = '1.2.3.4\\'")
def test_arbitrary_patterns_are_read_or_refused(text: str) -> None:
    """Whatever stands in a pattern, it names observables or is refused with a reason."""
    try:
        found = pattern.observables(text)
    except FormatError:
        return
    assert found


def _made(kind: Kind, text: str) -> Observable | None:
    try:
        return normalised(kind, text)
    except ValueError:
        return None


values = st.one_of(
    st.ip_addresses().map(lambda each: guessed(str(each)) if "%" not in str(each) else ADDRESS),
    st.tuples(st.ip_addresses(v=4), st.integers(8, 32)).map(lambda each: guessed(f"{each[0]}/{each[1]}")),
    st.text(min_size=1, max_size=80).map(lambda text: _made(Kind.USER_AGENT, text)),
    st.binary(min_size=16, max_size=16).map(lambda each: guessed(each.hex())),
    st.text("ab'\\", max_size=20).map(lambda text: _made(Kind.URL, f"http://evil.example/{text}")),
).filter(lambda each: each is not None)


@given(values)
def test_a_pattern_says_what_it_was_made_of(observable: Observable) -> None:
    """Every observable, quotes and backslashes in it too, comes back from its own pattern and from no other."""
    assert pattern.observables(pattern.write(observable)) == (observable,)


def report(member: str, bloc: str, age_us: int, confidence: int | None = None, *, seen: bool = True) -> Report:
    """What a member said some time ago."""
    source = Source(member, Origin.MEMBER, bloc)
    at_us = NOW_US - age_us
    name = f"indicator--{member}"
    return Report(ADDRESS, source, True, name, "1", member, Tlp.GREEN, at_us, None, at_us, confidence, "", seen)


def indicator(*reports: Report) -> Indicator:
    """An indicator with these reports."""
    return Indicator(indicator_id(ADDRESS), ADDRESS, NOW_US, reports)


blocs = st.dictionaries(st.sampled_from("abcd"), st.tuples(ages, standings), min_size=1)


@given(blocs, st.integers(1, 20), st.lists(st.integers(0, 100) | st.none(), min_size=20, max_size=20), st.booleans())
def test_attack_15_more_members_of_one_bloc_never_raise_the_score(
    said: dict[str, tuple[int, float]],
    clones: int,
    confidences: list[int | None],
    seen: bool,  # noqa: FBT001 - drawn
) -> None:
    """Attack 15: however many members of a bloc repeat its word, however sure they say they are, the score stays."""
    honest = [report(f"{bloc}0", bloc, age) for bloc, (age, _worth) in said.items()]
    first = next(iter(said))
    crowd = [
        report(f"{first}{n}", first, said[first][0] + n, confidences[n - 1], seen=seen) for n in range(1, clones + 1)
    ]

    def worth(bloc: str) -> float:
        return said[bloc][1]

    alone = scoring.score(indicator(*honest), worth, NOW_US)
    crowded = scoring.score(indicator(*honest, *crowd), worth, NOW_US)
    assert (crowded.value, crowded.blocs, crowded.corroborated) == (alone.value, alone.blocs, alone.corroborated)


@given(blocs, st.integers(0, 100) | st.none())
def test_own_confidence_never_matters(said: dict[str, tuple[int, float]], confidence: int | None) -> None:
    """What a member says about its own confidence changes neither score nor severity."""
    plain = [report(bloc, bloc, age) for bloc, (age, _worth) in said.items()]
    sure = [replace(each, confidence=confidence) for each in plain]
    scores = [scoring.score(indicator(*each), lambda bloc: said[bloc][1], NOW_US) for each in (plain, sure)]
    assert scores[0] == scores[1]


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b", "c"]), ages, standings), min_size=1), ages)
def test_attack_13_hearsay_is_one_voice_and_corroborates_nothing(said: list[tuple[str, int, float]], age: int) -> None:
    """Attack 13: whoever makes a hundred feeds and quotes them adds at most one newcomer's word, and no bloc."""
    heard = [report(f"{bloc}{n}", bloc, old, seen=False) for n, (bloc, old, _worth) in enumerate(said)]
    seen = report("witness", "d", age)
    alone = scoring.score(indicator(seen), lambda _bloc: 0.5, NOW_US)
    crowded = scoring.score(indicator(seen, *heard), lambda bloc: 0.9 if bloc != "d" else 0.5, NOW_US)
    assert crowded.blocs == alone.blocs
    assert not crowded.corroborated
    assert alone.value <= crowded.value <= alone.value + standing.NEWCOMER


@given(blocs, standings, ages)
def test_a_score_rises_with_standing_and_falls_with_age(
    said: dict[str, tuple[int, float]], better: float, older: int
) -> None:
    """A better record never lowers a score, more age never raises it, and one bloc alone is never corroborated."""
    reports = [report(bloc, bloc, age) for bloc, (age, _worth) in said.items()]
    base = scoring.score(indicator(*reports), lambda bloc: said[bloc][1], NOW_US)
    raised = scoring.score(indicator(*reports), lambda bloc: max(said[bloc][1], better), NOW_US)
    later = scoring.score(indicator(*reports), lambda bloc: said[bloc][1], NOW_US + older)
    assert later.value <= base.value <= raised.value
    assert not (len(said) == 1 and raised.corroborated)
    for found in (base, raised, later):
        for warned in (False, True):
            assert scoring.severity(found, warned=warned, overridden=warned) <= Severity.MEDIUM
    assert scoring.severity(raised, warned=True, overridden=False) is Severity.INFO


outcomes = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "confirm", "refute", "gone", "late"])))


def outcome(number: int, member: str, bloc: str, kind: str) -> Indicator:
    """An indicator of a member and what became of it."""
    made = replace(report(member, bloc, 10), observable=Observable(Kind.IPV4, f"203.0.113.{number % 250}"))
    decisions = [Decision(Act.ACCEPT, "ann", "", NOW_US - 5)] if kind == "late" else []
    if kind in {"gone", "late"}:
        made = replace(made, gone_us=NOW_US)
    if kind in {"confirm", "refute"}:
        decisions.append(Decision(Act(kind), "ann", "looked", NOW_US))
    return Indicator(f"IND-{number}", made.observable, NOW_US, (made,), tuple(decisions))


@given(outcomes)
def test_standing_follows_audits_only(found: list[tuple[str, str]]) -> None:
    """Confirmed ones raise it, refuted and late retractions lower it, a timely retraction does neither."""
    made = [outcome(number, member, member, kind) for number, (member, kind) in enumerate(found)]
    before = standing.records(made).standing("a")
    assert 0 < before < 1
    for kind, sign in (("confirm", 1), ("refute", -1), ("late", -1), ("gone", 0), ("", 0)):
        after = standing.records([*made, outcome(999, "a", "a", kind)]).standing("a")
        assert (after > before) - (after < before) == sign


@given(outcomes, st.integers(1, 5))
def test_attack_15_an_outcome_that_a_bloc_shares_counts_once(found: list[tuple[str, str]], clones: int) -> None:
    """Attack 15: a bloc whose members all repeat each other earns no faster; a fresh one starts where it stands."""
    made = [outcome(number, member, member, kind) for number, (member, kind) in enumerate(found)]
    crowd = [
        replace(each, reports=each.reports + tuple(
            replace(r, source=Source(f"{r.source.name}{n}", Origin.MEMBER, r.source.bloc))
            for r in each.reports for n in range(clones)))
        for each in made
    ]  # fmt: skip
    assert standing.records(crowd).blocs == standing.records(made).blocs


def test_four_confirmations_make_good_for_one_refutation() -> None:
    """As documented: a newcomer has a half, one refutation takes it to a sixth, four right ones restore it."""
    assert standing.Record().standing == 0.5
    assert standing.Record(refuted=1).standing == 1 / 6
    assert standing.Record(confirmed=4, refuted=1).standing == 0.5
    assert standing.Record(retracted_late=1).standing == 1 / 6
    assert standing.Record(retracted=9).standing == 0.5
