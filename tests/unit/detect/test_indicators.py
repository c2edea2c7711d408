"""Which events name an indicator: by column, network, domain, in free text; and never by what anybody forges."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.detect.indicators import RULE_PREFIX, Watched, Watchlist, match
from pollwatch.events.batch import EventBatch, LogSource
from pollwatch.events.detection import Detection, Severity
from pollwatch.events.observable import Kind, Observable, guessed
from pollwatch.events.taxonomy import AUTH, DNS, FLOW, GENERIC, SYSLOG, WEB


def watchlist(*observables: Observable | str) -> Watchlist:
    """A list of these, each named by its value."""
    made = [guessed(each) if isinstance(each, str) else each for each in observables]
    return Watchlist(Watched(each.value, each, Severity.LOW, f"{each.value} is known {{so}}") for each in made)


def batch(logsource: LogSource, **columns: list[str | None]) -> EventBatch:
    """Events with these columns; ``_`` in names stands for ``-`` in web columns."""
    length = len(next(iter(columns.values())))
    table = {"number": pa.array(range(1, length + 1)), "time_us": pa.array([1_793_700_000_000_000] * length)}
    return EventBatch(logsource, "a.log", pa.table(table | {n: pa.array(v, pa.string()) for n, v in columns.items()}))


def lines(found: list[Detection]) -> dict[str, list[int]]:
    """The lines by indicator."""
    told: dict[str, set[int]] = {}
    for each in found:
        told.setdefault(each.rule_id.removeprefix(RULE_PREFIX), set()).update(number for _path, number in each.lines)
    return {name: sorted(numbers) for name, numbers in told.items()}


def test_addresses_and_networks() -> None:
    """An address fires on itself in any spelling, a network on what is in it, neither on its neighbours."""
    events = batch(
        WEB, **{"c-ip": ["203.0.113.7", "::ffff:203.0.113.7", "203.0.113.8", "2001:DB8:0::9", "198.51.100.200"]}
    )
    found = lines(match(watchlist("203.0.113.7", "2001:db8::/32", "198.51.100.128/25", "198.51.0.0/16"), events))
    assert found == {"203.0.113.7": [1, 2], "2001:db8::/32": [4], "198.51.100.128/25": [5], "198.51.0.0/16": [5]}


def test_domains_urls_mail_hashes_and_user_agents() -> None:
    """Each kind is looked for where logs have it, names below a domain too; a name that only ends alike is another."""
    web = batch(
        WEB,
        **{
            "c-ip": ["198.51.100.1"] * 5,
            "cs-host": ["vote.example"] * 4 + ["evil.example"],
            "cs-uri": ["/", "/a", "/b?c=1", "http://evil.example/x", "/b?c=1"],
            "cs-referer": ["https://login.evil.example/", "https://notevil.example/", None, None, None],
            "cs-user-agent": ["x", "EvilBot/1.0", "evilbot/1.0", "x", "x"],
        },
    )
    agent = Observable(Kind.USER_AGENT, "EvilBot/1.0")
    wanted = watchlist("evil.example", "http://evil.example/b?c=1", agent)
    assert lines(match(wanted, web)) == {
        "evil.example": [1, 4, 5], "http://evil.example/b?c=1": [5], "EvilBot/1.0": [2],
    }  # fmt: skip
    other = batch(GENERIC, **{
        "file.hash": ["MD5=" + "AB" * 16 + ",SHA1=" + "cd" * 20, "ef" * 16, None],
        "email.sender": ["<VR@Evil.example>", "vr@evil.example.org", None],
    })  # fmt: skip
    assert lines(match(watchlist("ab" * 16, "cd" * 20, "vr@evil.example"), other)) == {
        "ab" * 16: [1], "cd" * 20: [1], "vr@evil.example": [1],
    }  # fmt: skip


def test_free_text_is_searched_where_it_is_the_logs_own() -> None:
    """A mail server's message names sender, host and digest; all are found, at word boundaries only."""
    events = batch(SYSLOG, message=[
        "4XyZ: from=<vr.elections@evil.example>, size=9, nrcpt=1 (queue active)",
        "connect from mx.evil.example[203.0.113.7]",
        "from=<devr.elections@evil.example.org> 1203.0.113.71",
        "attachment sha256 " + "ab" * 32,
    ], src_ip=[None, None, None, None])  # fmt: skip
    found = lines(match(watchlist("vr.elections@evil.example", "203.0.113.7", "evil.example", "ab" * 32), events))
    assert found == {"vr.elections@evil.example": [1], "203.0.113.7": [2], "evil.example": [1, 2], "ab" * 32: [4]}


def test_attack_13_nobody_appears_by_what_a_client_wrote() -> None:
    """Attack 13: an address in a forged header or a made-up user name is no hit where the log names the client."""
    web = batch(WEB, **{"c-ip": ["198.51.100.1"], "x-forwarded-for": ["203.0.113.7"], "cs-uri": ["/?ip=203.0.113.7"]})
    auth = batch(
        AUTH,
        message=["Failed password for invalid user x from 203.0.113.7 port 22 from 198.51.100.1 port 9 ssh2"],
        src_ip=["198.51.100.1"],
        user=["x from 203.0.113.7 port 22"],
    )
    assert match(watchlist("203.0.113.7"), web) == match(watchlist("203.0.113.7"), auth) == []
    assert lines(match(watchlist("198.51.100.1"), auth)) == {"198.51.100.1": [1]}


def test_who_acts_and_who_was_in_touch() -> None:
    """A client on the list acts; where one of ours called what is on it, that acts, and ours is the target."""
    (web,) = match(watchlist("203.0.113.7"), batch(WEB, **{"c-ip": ["203.0.113.7"], "cs-host": ["vote.example"]}))
    assert (web.actors.ip, web.targets) == (("203.0.113.7",), ("vote.example",))
    (dns,) = match(watchlist("evil.example"), batch(DNS, src_ip=["10.0.0.5"], query=["c2.evil.example"]))
    assert (dns.actors.domain, dns.actors.ip, dns.targets) == (("evil.example",), (), ("10.0.0.5", "c2.evil.example"))
    (flow,) = match(watchlist("203.0.113.0/24"), batch(FLOW, src_ip=["10.0.0.5"], dest_ip=["203.0.113.9"]))
    assert (flow.actors.ip, flow.targets) == (("203.0.113.0/24",), ("10.0.0.5", "203.0.113.9"))


def test_a_hit_says_why_and_how_many_lines() -> None:
    """The sentence holds what the list says, braces and all, and the number of lines; severity is the list's."""
    (found,) = match(watchlist("203.0.113.7"), batch(WEB, **{"c-ip": ["203.0.113.7"] * 3}))
    assert found.why == "203.0.113.7 is known {so} (3 lines)."
    assert (found.severity, found.title, found.techniques) == (Severity.LOW, "Known indicator: 203.0.113.7", ())


def test_an_empty_list_or_batch_is_silent() -> None:
    """Nothing to look for, or nothing to look at, gives nothing."""
    assert match(Watchlist(()), batch(WEB, **{"c-ip": ["203.0.113.7"]})) == []
    assert match(watchlist("203.0.113.7"), batch(WEB, **{"c-ip": []})) == []


addresses = st.ip_addresses(v=4).map(str) | st.sampled_from(["203.0.113.7", "203.0.113.200", "-", "", "x"])
networks = st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(lambda each: guessed(f"{each[0]}/{each[1]}"))


@given(
    st.lists(addresses, min_size=1, max_size=30),
    st.lists(networks | addresses.filter("203.0.113.7".__eq__).map(guessed)),
)
def test_networks_are_found_as_one_by_one(values: list[str], wanted: list[Observable]) -> None:
    """However many networks nest and overlap, the fast search finds exactly what asking each network finds."""
    found = lines(match(watchlist(*dict.fromkeys(wanted)), batch(WEB, **{"c-ip": list(values)})))

    def holds(observable: Observable, value: str) -> bool:
        try:
            return guessed(value).network.subnet_of(observable.network)  # type: ignore[arg-type]
        except ValueError:
            return False

    slow = {each.value: [n for n, value in enumerate(values, 1) if holds(each, value)] for each in wanted}
    assert found == {name: numbers for name, numbers in slow.items() if numbers}


@pytest.mark.parametrize("kind", list(Kind))
def test_arbitrary_columns_do_not_break_it(kind: Kind) -> None:
    """Numbers, nulls and odd text in columns that look like addresses cost nothing but their own miss."""
    values = {Kind.HASH: "ab" * 16, Kind.IPV6: "2001:db8::/32", Kind.IPV4: "203.0.113.0/24", Kind.USER_AGENT: "x"}
    observable = Observable(kind, values.get(kind, "http://evil.example/" if kind is Kind.URL else "evil.example"))
    table = pa.table({
        "number": [1, 2], "time_us": pa.array([None, 5], pa.int64()), "src_ip": pa.array([5, None], pa.int64()),
        "dest_ip": pa.array(["\ud7ff\x00", "[::"], pa.string()), "query": [".", "..."], "cs-uri": ["://", "/"],
        "message": [None, "@" * 50], "hash": ["", "x"],
    })  # fmt: skip
    assert match(Watchlist([Watched("x", observable, Severity.LOW, "")]), EventBatch(GENERIC, "a", table)) == []


def test_a_list_stays_as_it_is_however_often_it_is_asked() -> None:
    """What one batch's texts name is not kept in the list: after forty batches that name it, a hit is still one."""
    listed = watchlist("203.0.113.7")
    said = batch(GENERIC, message=["refused 203.0.113.7"])
    for _ in range(40):
        match(listed, said)
    assert len(listed.texts(["refused 203.0.113.7"])["refused 203.0.113.7"]) == 2
