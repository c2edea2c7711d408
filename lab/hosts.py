"""The lab's servers: nginx with the portal behind it, and two ssh servers with rsyslog."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import network

HERE = Path(__file__).resolve().parent
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
WEB, GATE, FILES = "192.0.2.10", "192.0.2.20", "192.0.2.21"
VOTERS_URL, RESULTS_URL = "http://voters.alderland.example", "http://results.alderland.example"
USERS = ("m.okafor", "j.devries", "h.meijer", "backupjob")
ASSETS = {"site.css": 14_200, "site.js": 38_800, "logo.svg": 5_300} | {
    f"photo-{n}.jpg": 41_000 + 977 * n for n in range(1, 7)
}


def words_of(name: str) -> tuple[str, ...]:
    """One list of words.toml."""
    return tuple(tomllib.loads((HERE / "words.toml").read_text(encoding="utf-8"))[name])


class Servers:
    """Starts and ends the servers; knows where they write.

    Attributes:
        out: where the logs grow.
        clock: the file from which nginx and rsyslog take their time (libfaketime).
    """

    def __init__(self, work: Path) -> None:
        """Lay out the work folder."""
        self.work, self.out, self.clock = work, work / "out", work / "clock"
        self.keys = work / "keys"
        self.started: list[subprocess.Popen[bytes]] = []
        for folder in (self.out, self.keys, work / "run", work / "uploads"):
            folder.mkdir(parents=True)

    def start(self) -> None:
        """Start all servers and wait until they listen."""
        for user in USERS:
            network.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", user, "-f", str(self.keys / user))
        self.start_web(network.attach("web", [WEB]))
        for name, address, template in (
            ("gate", GATE, "RSYSLOG_TraditionalFileFormat"),
            ("files", FILES, "RSYSLOG_FileFormat"),
        ):
            space = network.attach(name, [address])
            environment = os.environ | {
                "LAB_KEYS": str(self.keys),
                "LAB_OUT": str(self.out),
                "LAB_CLOCK": str(self.clock),
                "LAB_FAKETIME": str(FAKETIME),
            }
            script = [
                "unshare",
                "--mount",
                "--uts",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "bash",
                str(HERE / "host.sh"),
                name,
                str(self.work / name),
                address,
                template,
            ]
            self.started.append(
                subprocess.Popen(network.within(space, *script), env=environment, stdin=subprocess.DEVNULL)
            )
        for space, port in (("web", 80), ("gate", 22), ("files", 22)):
            self.wait(space, port)

    def start_web(self, space: str) -> None:
        """Write nginx's files and start nginx and the portal."""
        self.write_site()
        config = self.work / "nginx.conf"
        text = (HERE / "nginx.conf").read_text(encoding="utf-8")
        config.write_text(
            text.replace("{OUT}", str(self.out)).replace("{RUN}", str(self.work / "run")),
            encoding="utf-8",
        )
        faked = {
            "TZ": "Europe/Amsterdam",
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_NO_CACHE": "1",
        }
        portal = network.within(space, sys.executable, str(HERE / "portal.py"), str(self.work / "uploads"))
        self.started.append(subprocess.Popen(portal, stdin=subprocess.DEVNULL))
        variables = [f"{name}={value}" for name, value in faked.items()]
        nginx = network.within(space, "env", *variables, "nginx", "-c", str(config), "-g", "daemon off;")
        self.started.append(subprocess.Popen(nginx, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def write_site(self) -> None:
        """The static files of both sites; content is filler of the right size."""
        for site in ("portal", "results"):
            assets = self.work / "site" / site / "assets"
            assets.mkdir(parents=True)
            for name, size in ASSETS.items():
                (assets / name).write_bytes(b"/* lab filler */\n" * (size // 17))
            (assets.parent / "favicon.ico").write_bytes(b"\0" * 1150)
            (assets.parent / "robots.txt").write_text(
                "User-agent: *\nDisallow: /admin/\nDisallow: /uploads/\n", encoding="utf-8"
            )
        results = self.work / "site" / "results"
        (results / "index.html").write_text(
            '<!doctype html><title>Results</title><script src="/assets/site.js"></script>'
            + "<p>Alderland results</p>" * 300,
            encoding="utf-8",
        )
        (results / "api").mkdir()
        self.write_results(0)

    def write_results(self, counted: int) -> None:
        """The results feed after so many districts were counted."""
        districts = [{"district": n + 1, "votes": [n * 131 + k * 37 + 900 for k in range(6)]} for n in range(counted)]
        text = json.dumps({"counted": counted, "of": 9, "districts": districts}, indent=1)  # noqa: TID251 - stands alone
        (self.work / "site" / "results" / "api" / "results.json").write_text(text, encoding="utf-8")

    @staticmethod
    def wait(name: str, port: int) -> None:
        """Wait until a server listens."""
        for _ in range(150):
            listening = subprocess.run(
                network.within(network.PREFIX + name, "ss", "-Htln", f"sport = :{port}"),
                capture_output=True,
                check=True,
            )
            if listening.stdout.strip():
                return
            time.sleep(0.1)
        raise SystemExit(f"lab: {name} does not listen on port {port}")

    def cron(self, host: str, user: str) -> None:
        """Let a job of cron start on a host."""
        with (self.out / f"{host}.cron").open("w", encoding="utf-8") as pipe:
            pipe.write(user + "\n")

    def stop(self) -> None:
        """End the servers; their namespaces end the rest."""
        for process in self.started:
            process.terminate()
        for process in self.started:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.keys, ignore_errors=True)
