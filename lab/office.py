"""Life on the two ssh servers: administrators, the backup job, cron. Real ``ssh``, real ``sudo``."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conductor import Conductor, moment
from hosts import FILES, GATE, Servers
from visitors import HOME, OFFICE

BACKUP = "192.0.2.30"
PASSWORDS = {"m.okafor": "Tulip-2026", "j.devries": "Winter!Kanal", "h.meijer": "Zomer2026!"}
QUIET = (
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
    "-o",
    "ConnectTimeout=30",
)
CHORES = (
    "/usr/bin/tail -n 5 /var/log/dpkg.log",
    "/usr/bin/du -sh /srv",
    "/usr/bin/apt-get --version",
    "/usr/bin/id backupjob",
    "/usr/bin/df -h",
    "/usr/bin/ls /root",
)


def ssh_command(
    source: str, user: str, host: str, *, key: Path | None = None, password: str = "", tty: bool = False
) -> list[str]:
    """The ssh command without what it runs there; an empty ``source`` takes the namespace's own address."""
    words = ["ssh", *QUIET, *(("-tt",) if tty else ("-T",)), *(("-b", source) if source else ())]
    if key:
        return [*words, "-i", str(key), "-o", "PasswordAuthentication=no", f"{user}@{host}"]
    return [
        "sshpass",
        "-p",
        password,
        *words,
        "-o",
        "PubkeyAuthentication=no",
        "-o",
        "NumberOfPasswordPrompts=1",
        f"{user}@{host}",
    ]


@dataclass(slots=True)
class Session:
    """One ssh session that stays open while recorded time goes by."""

    conductor: Conductor
    command: list[str]
    process: subprocess.Popen[bytes] | None = None

    def enter(self, when: float, lines: Sequence[tuple[float, str]]) -> None:
        """Enter the session: its beginning, each line typed (so many seconds after the one before), its end."""
        self.conductor.job_at(when, self.open)
        for pause, line in lines:
            when += pause
            self.conductor.job_at(when, lambda line=line: self.type(line))  # type: ignore[misc] # binds the loop's value
        self.conductor.job_at(when + 45, self.close)

    def open(self) -> None:
        """Log in and wait for the shell."""
        self.process = subprocess.Popen(
            [*self.command, "bash --norc --noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if self.process.stdout:
            self.process.stdout.read(1)

    def type(self, line: str) -> None:
        """Type one line and let it run."""
        if self.process and self.process.stdin and self.process.poll() is None:
            try:
                self.process.stdin.write(line.encode() + b"\n")
                self.process.stdin.flush()
            except BrokenPipeError:
                return
            time.sleep(0.5)

    def close(self) -> None:
        """Leave."""
        self.type("exit")
        if self.process:
            try:
                self.process.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()


class Office:
    """Enters the office's life into the programme."""

    def __init__(self, conductor: Conductor, servers: Servers) -> None:
        """Who moves the clock, and where the servers are."""
        self.conductor, self.servers, self.chance = conductor, servers, conductor.chance

    def enter_all(self) -> None:
        """The whole week."""
        start = moment("10-28 00:00")
        for hour in range(8 * 24):
            for name in ("gate", "files"):
                self.conductor.job_at(start + hour * 3600 + 1021, lambda name=name: self.cron(name))  # type: ignore[misc]
        for day in range(8):
            for host, shift in ((GATE, 0), (FILES, 240)):
                when = start + day * 86400 + 9000 + shift + self.chance.uniform(0, 40)
                self.conductor.job_at(when, lambda host=host: self.backup(host))  # type: ignore[misc]
        for day in ("10-28", "10-29", "10-30", "10-31", "11-02", "11-03", "11-04"):
            self.enter_day(day)
        self.enter_meijer()

    def cron(self, name: str) -> None:
        """One job of cron, with a moment for its lines to arrive."""
        self.servers.cron(name, "root")
        time.sleep(0.05)

    def backup(self, host: str) -> None:
        """The nightly copy: a key, one command, gone."""
        command = [
            *ssh_command(BACKUP, "backupjob", host, key=self.servers.keys / "backupjob"),
            "tar cf - /etc/hostname >/dev/null",
        ]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)

    def enter_day(self, day: str) -> None:
        """The administrators' sessions of one day; some with a mistyped password or two first."""
        for user in ("m.okafor", "j.devries"):
            for _ in range(self.chance.randint(2, 4)):
                when = moment(f"{day} 08:40") + self.chance.uniform(0, 8.5 * 3600)
                host, source = self.chance.choice((GATE, GATE, FILES)), self.chance.choice((OFFICE, OFFICE, HOME))
                by_password = self.chance.random() < 0.35
                for _ in range(self.chance.choice((0, 1, 2)) if by_password else 0):
                    when += self.guess(when, source, user, host)
                key = None if by_password else self.servers.keys / user
                command = ssh_command(source, user, host, key=key, password=PASSWORDS[user], tty=True)
                lines = [
                    (
                        self.chance.uniform(30, 900),
                        f"echo '{PASSWORDS[user]}' | sudo -S -p '' {self.chance.choice(CHORES)}",
                    )
                    for _ in range(self.chance.randint(0, 3))
                ]
                Session(self.conductor, command).enter(when, lines or [(200.0, "uptime")])

    def guess(self, when: float, source: str, user: str, host: str) -> float:
        """A mistyped password; returns how long until the next try."""
        word = PASSWORDS[user][:-1]
        command = [*ssh_command(source, user, host, password=word), "true"]
        self.conductor.job_at(when, lambda: attempt(command))
        return self.chance.uniform(12, 30)

    def enter_meijer(self) -> None:
        """The colleague with the weak password, who works from the office and seldom."""
        for when, typo in (
            ("10-28 09:12", False),
            ("10-29 13:40", True),
            ("11-02 09:05", False),
            ("11-04 10:20", False),
        ):
            start = moment(when)
            if typo:
                start += self.guess(start, OFFICE, "h.meijer", GATE)
            Session(
                self.conductor, ssh_command(OFFICE, "h.meijer", GATE, password=PASSWORDS["h.meijer"], tty=True)
            ).enter(start, [(400.0, "ls"), (900.0, "uptime")])


def attempt(command: list[str]) -> None:
    """Run one attempt to its end."""
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
