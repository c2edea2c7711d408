"""Records the election week: ``sudo lab/record.sh TARGET``. See README.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import hosts
import network
import truth
from attacks import Attackers
from conductor import Conductor, moment
from office import BACKUP, Office
from visitors import CRAWLER, HOME, LINKCHECKER, MONITOR, OFFICE, PUBLIC, Public

SEED = 20261103
PROXIED = (
    "203.0.113.201",
    "198.51.100.188",
    "203.0.113.214",
)  # slow actors: the public's namespace, an address of their own
VERSIONS = {
    "nginx": "nginx-light",
    "OpenSSH server": "openssh-server",
    "rsyslog": "rsyslog",
    "sudo": "sudo",
    "libfaketime": "libfaketime",
    "sqlmap": "sqlmap",
    "gobuster": "gobuster",
    "ffuf": "ffuf",
    "hydra": "hydra",
    "wapiti": "wapiti",
    "ab (apache2-utils)": "apache2-utils",
    "curl": "curl",
    "sshpass": "sshpass",
    "linkchecker": "linkchecker",
    "dirb's word lists": "dirb",
}


def versions() -> dict[str, str]:
    """The Debian package versions of all tools."""
    out = {}
    for name, package in VERSIONS.items():
        found = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=True
        )
        out[name] = found.stdout
    return out


def name_sites(work: Path) -> None:
    """Let the tools find the two sites by name, and nginx its files under /srv; in this mount namespace only."""
    (work / "site").mkdir()
    network.run("mount", "--bind", str(work / "site"), "/srv")
    names = work / "hosts"
    names.write_text(
        f"127.0.0.1 localhost\n{hosts.WEB} voters.alderland.example results.alderland.example\n", encoding="utf-8"
    )
    network.run("mount", "--bind", str(names), "/etc/hosts")


def check_links(conductor: Conductor, attackers: Attackers) -> None:
    """The web editor's link checker: a benign robot, and a real one."""
    words = (
        "sudo",
        "-u",
        "nobody",
        "linkchecker",
        "--no-status",
        "-r",
        "2",
        "--no-robots",
        "-t",
        "2",
        hosts.VOTERS_URL + "/",
    )
    conductor.job_at(moment("11-02 16:30"), lambda: attackers.tool(LINKCHECKER, *words, seconds=60))


def enter_count(conductor: Conductor, servers: hosts.Servers) -> None:
    """The count: districts come in one by one on results night."""
    for done in range(1, 10):
        conductor.at(moment("11-03 21:00") + done * 1100, lambda done=done: servers.write_results(done))  # type: ignore[misc]


def record(work: Path, target: Path) -> None:
    """Build, play, take down, write."""
    os.chdir(work)  # some tools leave files where they are started
    servers = hosts.Servers(work)
    conductor = Conductor(servers.clock, moment("10-28 00:00"), SEED)
    name_sites(work)
    network.build()
    servers.start()
    network.enter(network.attach("public", [*PUBLIC, OFFICE, HOME, MONITOR, CRAWLER, BACKUP, *PROXIED]))
    attackers = Attackers(conductor, servers)
    Public(conductor).enter_all()
    Office(conductor, servers).enter_all()
    attackers.enter_all()
    check_links(conductor, attackers)
    enter_count(conductor, servers)
    for day in range(28, 36):
        label = f"10-{day}" if day <= 31 else f"11-{day - 31:02d}"
        conductor.at(
            moment(f"{label} 00:00"),
            lambda label=label: print(f"lab: {label}, {len(conductor.queue)} steps to go", flush=True),
        )  # type: ignore[misc]
    conductor.play(moment("11-04 23:59:50"))
    attackers.stop()
    servers.stop()
    truth.write(servers.out, target, versions())


def main() -> None:
    """Record into the folder named by the argument; leave nothing behind but that."""
    target = Path(sys.argv[1]).resolve()
    if not re.fullmatch(r"[\w./-]+", str(target)):
        raise SystemExit("lab: the target folder's name may hold letters, digits, '.', '-', '_' only")
    work = Path(tempfile.mkdtemp(prefix="pwlab-"))
    network.tear_down()
    try:
        record(work, target)
    finally:
        network.tear_down()
        if "--keep" not in sys.argv:
            shutil.rmtree(work, ignore_errors=True)
        print(f"lab: work folder {work}")


if __name__ == "__main__":
    main()
