"""Three days of an office's flows: nothing at work, and one machine in foreign hands, as three sensors write them.

The office has what makes detectors err: a server that everybody uses, updates by the clock, mail every five minutes,
a monitor, an administrator at work, a device that calls its maker, a backup every night, a crowd at the website.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pollwatch.events.detection import Severity
from pollwatch.incidents.incident import Incident
from pollwatch.node.case.scan import ScanOptions, scan
from pollwatch.sources.files import expand

START = dt.datetime(2026, 10, 5, tzinfo=dt.UTC)
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
TAKEN, ORDERS, BUYER = "10.0.0.25", "203.0.113.13", "203.0.113.14"


@dataclass(frozen=True, slots=True)
class Flow:
    """One connection; ``answered``: something went both ways."""

    at: float
    src: str
    dst: str
    port: int
    sent: int = 1_500
    received: int = 12_000
    packets: int = 40
    answered: bool = True
    src_port: int = 40_000


def office(rng: np.random.Generator) -> list[Flow]:
    """Three days of work."""
    desks = [f"10.0.0.{n}" for n in range(20, 28)]
    flows: list[Flow] = []
    for day in range(3):
        morning = day * DAY + 8 * HOUR
        for desk in desks:
            visits = np.sort(rng.uniform(morning, morning + 9 * HOUR, 60))
            flows += [Flow(at, desk, f"198.51.100.{rng.integers(1, 99)}", 443) for at in visits.tolist()]
            flows += [Flow(morning + n * 5 * MINUTE, desk, "198.51.100.200", 993, 400, 600) for n in range(0, 108, 3)]
            flows += [Flow(day * DAY + n * HOUR + 7, desk, "198.51.100.201", 443, 800, 2_000) for n in range(24)]
            flows += [Flow(morning + n * HOUR, desk, f"10.0.1.{server}", 445) for n in range(3) for server in (5, 6)]
        flows += [Flow(morning + n * HOUR, "10.0.0.10", desk, 3389) for n, desk in enumerate(desks[:4])]
        watched = [*desks[:5], "10.0.1.5", "10.0.1.6", "10.0.1.7"]
        flows += [
            Flow(day * DAY + n * HOUR, "10.0.1.50", host, 22, 900, 900, 12) for n in range(24) for host in watched
        ]
        flows += [Flow(day * DAY + n * 15 * MINUTE, "10.0.0.99", "203.0.113.77", 443, 500, 500) for n in range(96)]
        flows.append(Flow(day * DAY + 2 * HOUR, "10.0.1.60", "203.0.113.200", 443, 900_000_000, 10_000, 900_000))
        guests = rng.integers(1, 250, (150, 2)).tolist()
        flows += [
            Flow(morning + n * MINUTE, f"192.0.{a}.{b}", "10.0.1.7", 443, 900, 60_000)
            for n, (a, b) in enumerate(guests)
        ]
    return flows


def intruder(rng: np.random.Generator) -> list[Flow]:
    """From the second day: orders every ten minutes give or take, a look around, other machines, and much taken."""
    at, flows = DAY + 10 * HOUR, []
    while at < 3 * DAY:
        flows.append(Flow(at, TAKEN, ORDERS, 443, int(rng.integers(300, 700)), int(rng.integers(300, 900)), 12))
        at += 10 * MINUTE * (1 - 0.4 * float(rng.random()))
    looked = [
        Flow(DAY + 11 * HOUR + n * 400, TAKEN, f"10.0.0.{100 + n}", 445, 60, 0, 1, answered=False) for n in range(40)
    ]
    moved = [
        Flow(DAY + 20 * HOUR + n * 300, TAKEN, f"10.0.0.{20 + n}", 3389, 900_000, 4_000_000, 900) for n in range(5)
    ]
    moved += [Flow(DAY + 21 * HOUR + n * 300, TAKEN, f"10.0.1.{5 + n}", 5985, 90_000, 90_000, 90) for n in range(3)]
    taken = [Flow(2 * DAY + 3 * HOUR + n * 400, TAKEN, BUYER, 443, 80_000_000, 90_000, 9_000) for n in range(4)]
    return [*flows, *looked, *moved, *taken]


def zeek(flows: Sequence[Flow]) -> Iterable[str]:
    """``conn.log`` as JSON."""
    for number, each in enumerate(flows):
        yield json.dumps(  # noqa: TID251 - a sensor's file, not ours
            {
                "ts": (START + dt.timedelta(seconds=each.at)).timestamp(),
                "uid": f"C{number}",
                "id.orig_h": each.src,
                "id.orig_p": each.src_port,
                "id.resp_h": each.dst,
                "id.resp_p": each.port,
                "proto": "tcp",
                "conn_state": "SF" if each.answered else "S0",
                "orig_bytes": each.sent,
                "resp_bytes": each.received,
                "orig_pkts": (each.packets + 1) // 2,
                "resp_pkts": each.packets // 2,
            }
        )


def exported(flows: Sequence[Flow]) -> Iterable[str]:
    """The table of nfdump: each direction is a record of its own."""
    yield "ts,te,td,sa,da,sp,dp,pr,flg,ipkt,ibyt"
    for each in flows:
        at = (START + dt.timedelta(seconds=each.at)).strftime("%Y-%m-%d %H:%M:%S")
        ends, back = (
            f"{each.src},{each.dst},{each.src_port},{each.port}",
            f"{each.dst},{each.src},{each.port},{each.src_port}",
        )
        flags = "...AP.SF" if each.answered else "......S."
        yield f"{at},{at},1.0,{ends},TCP,{flags},{(each.packets + 1) // 2},{each.sent}"
        if each.answered:
            yield f"{at},{at},1.0,{back},TCP,{flags},{each.packets // 2},{each.received}"


def netfilter(flows: Sequence[Flow]) -> Iterable[str]:
    """A Linux firewall's first packets: no sizes, and what was refused."""
    for each in flows:
        at = START + dt.timedelta(seconds=each.at)
        yield (
            f"{at:%b} {at.day:2d} {at:%H:%M:%S} gate kernel: [1.0] {'ACCEPT' if each.answered else 'DROP'} IN=a OUT=b "
            f"SRC={each.src} DST={each.dst} LEN=60 TTL=64 ID=1 PROTO=TCP SPT={each.src_port} DPT={each.port} SYN"
        )


NOTATIONS = [pytest.param(each, id=each.__name__) for each in (zeek, exported, netfilter)]


def incidents(tmp_path: Path, lines: Iterable[str]) -> list[Incident]:
    """What a scan of one file shows by default."""
    log = tmp_path / "flows.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    files, _missing = expand([str(log)])
    return [each for each in scan(files, ScanOptions()).incidents if each.severity >= Severity.LOW]


def rules(found: Iterable[Incident]) -> set[str]:
    """The rules behind incidents."""
    return {rule.id for each in found for rule in each.rules}


@pytest.mark.parametrize("notation", NOTATIONS)
def test_an_office_at_work_is_quiet(notation: Callable[[Sequence[Flow]], Iterable[str]], tmp_path: Path) -> None:
    """A clock-like device, a monitor and a first backup are hints at most; nothing else is told."""
    flows = sorted(office(np.random.default_rng(7)), key=lambda each: each.at)
    found = incidents(tmp_path, notation(flows))
    assert [each.title for each in found if each.severity > Severity.LOW] == []
    hints = {"detector.beacon", "detector.lateral_movement", "detector.bulk_outflow"}
    assert rules(found) <= hints


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_machine_in_foreign_hands_is_one_incident(
    notation: Callable[[Sequence[Flow]], Iterable[str]], tmp_path: Path
) -> None:
    """Orders by the clock, a slow scan, remote desktop to many and 320 MB taken: one incident names them all."""
    rng = np.random.default_rng(7)
    flows = sorted([*office(rng), *intruder(rng)], key=lambda each: each.at)
    found = [each for each in incidents(tmp_path, notation(flows)) if each.severity >= Severity.MEDIUM]
    [one] = found
    assert TAKEN in one.targets
    assert {TAKEN, ORDERS} <= set(one.actors.ip)
    expected = {"detector.beacon", "detector.door_survey", "detector.lateral_movement"}
    if notation is not netfilter:  # which tells no sizes
        expected.add("detector.bulk_outflow")
        assert BUYER in one.actors.ip
    assert rules(found) >= expected


def test_a_tunnel_through_names_is_told_and_a_mail_filter_is_not(tmp_path: Path) -> None:
    """Four hundred new names that carry letters out; blocklists and content networks are asked as much."""
    rng = np.random.default_rng(7)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz234567"))

    def line(at: float, name: str, client: str, kind: str = "A") -> str:
        moment = START + dt.timedelta(seconds=at)
        return f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S} ns1 dnsmasq[7]: query[{kind}] {name} from {client}"

    listed = [f"{a}.{b}.2.0.list.example.org" for a, b in rng.integers(1, 250, (400, 2)).tolist()]
    lines = [line(n * 30, name, "10.0.1.8") for n, name in enumerate(listed)]
    edges = [f"edge-node-number-{n}-region-west.elb.cloud.example.com" for n in range(80)]
    lines += [line(n * 9, edges[n % 80], "10.0.0.20") for n in range(800)]
    assert incidents(tmp_path, sorted(lines)) == []
    carried = ["".join(rng.choice(letters, 40)) for _ in range(400)]
    lines += [line(n * 20, f"{text}.t.example.net", TAKEN, "TXT") for n, text in enumerate(carried)]
    [one] = incidents(tmp_path, sorted(lines))
    assert one.severity is Severity.MEDIUM
    assert one.actors.ip == (TAKEN,)
    assert rules([one]) == {"detector.dns_tunnel"}


def fortigate(at: float, ip: str, user: str, *, came: bool) -> str:
    """The SSL VPN of a FortiGate."""
    moment = START + dt.timedelta(seconds=at)
    said = (
        'logdesc="SSL VPN tunnel up" action="tunnel-up" tunneltype="ssl-tunnel"'
        if came
        else 'logdesc="SSL VPN login fail" action="ssl-login-fail" reason="sslvpn_login_permission_denied"'
    )
    return (
        f'date={moment:%Y-%m-%d} time={moment:%H:%M:%S} tz="+0000" devname="edge1" logid="0101039426" type="event" '
        f'subtype="vpn" level="alert" vd="root" {said} remip={ip} user="{user}"'
    )


def globalprotect(at: float, ip: str, user: str, *, came: bool) -> str:
    """The VPN of Palo Alto Networks, through a log host."""
    moment = START + dt.timedelta(seconds=at)
    day = f"{moment:%Y/%m/%d %H:%M:%S}"
    error = "" if came else "Authentication failed: Invalid username or password"
    return (
        f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S} edge2 1,{day},0012345,GLOBALPROTECT,0,2561,{day},vsys1,"
        f"gateway-auth,login,LDAP,,{user},ZZ,laptop,{ip},0.0.0.0,0.0.0.0,0.0.0.0,,,6.1,Windows,Windows 11,1,,{error},,"
        f"{'success' if came else 'failure'},,0,,0,gp.example"
    )


def asa(at: float, ip: str, user: str, *, came: bool) -> str:
    """The web VPN of a Cisco ASA."""
    moment = START + dt.timedelta(seconds=at)
    number, said = (716038, "successful") if came else (716039, "rejected")
    return (
        f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S} asa1 %ASA-6-{number}: Group <DfltGrpPolicy> User <{user}> "
        f"IP <{ip}> Authentication: {said}, Session Type: WebVPN."
    )


def gateway(at: float, ip: str, user: str, *, came: bool) -> str:
    """Any gateway that speaks CEF."""
    told = "success" if came else "failure"
    return (
        f"CEF:0|Example|Gateway|1|100|VPN login {told}|5|src={ip} suser={user} outcome={told} "
        f"rt={int(((START + dt.timedelta(seconds=at)).timestamp()) * 1_000)}"
    )


@pytest.mark.parametrize(
    "product", [pytest.param(each, id=each.__name__) for each in (fortigate, globalprotect, asa, gateway)]
)
def test_a_guesser_who_gets_into_the_vpn_is_high_and_staff_are_quiet(
    product: Callable[..., str], tmp_path: Path
) -> None:
    """Forty refusals and then a way in, whoever made the VPN; eight people who mistype once are nothing."""
    staff = [
        product(n * 600 + again * 20, f"198.51.100.{n}", f"clerk{n}", came=bool(again))
        for n in range(8)
        for again in (0, 1)
    ]
    assert incidents(tmp_path, staff) == []
    guesses = [product(6_000 + n * 7, "203.0.113.66", "registrar", came=False) for n in range(40)]
    got_in = product(6_300, "203.0.113.66", "registrar", came=True)
    found = incidents(tmp_path, [*staff, *guesses, got_in])
    [one] = found
    assert one.actors.ip == ("203.0.113.66",)
    assert one.severity >= Severity.HIGH
