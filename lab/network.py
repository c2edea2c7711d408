"""The lab's network: namespaces on one bridge, with documentation addresses and no way out.

Each server, each attacker and the public (all benign visitors together) is a namespace of its own. The bridge lives
in a namespace too, so nothing of the lab is seen from the machine, no namespace has a default route, and deleting
the namespaces deletes everything.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

PREFIX = "pwlab-"
SWITCH = PREFIX + "switch"
DOCUMENTATION = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
CLONE_NEWNET = 0x40000000


def run(*words: str) -> None:
    """Run one command; its failure ends the recording."""
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def build() -> None:
    """Make the namespace with the bridge."""
    run("ip", "netns", "add", SWITCH)
    run("ip", "-n", SWITCH, "link", "add", "bridge", "type", "bridge")
    run("ip", "-n", SWITCH, "link", "set", "bridge", "up")


def attach(name: str, addresses: Sequence[str]) -> str:
    """Make a namespace with these addresses, on the bridge.

    Returns:
        The namespace's name.
    """
    space, port = PREFIX + name, f"p-{name}"[:15]
    run("ip", "netns", "add", space)
    run("ip", "-n", SWITCH, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
    run("ip", "-n", SWITCH, "link", "set", port, "master", "bridge", "up")
    run("ip", "-n", space, "link", "set", "lo", "up")
    lines = [f"addr add {address}/32 dev eth0" for address in addresses]
    lines += ["link set eth0 up"] + [f"route add {net} dev eth0" for net in DOCUMENTATION]
    subprocess.run(["ip", "-n", space, "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)
    return space


def enter(space: str) -> None:
    """Move this process into a namespace. Threads started later follow; earlier ones do not."""
    handle = os.open(f"/run/netns/{space}", os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {space}")
    finally:
        os.close(handle)


def within(space: str, *words: str) -> list[str]:
    """The command that runs ``words`` in a namespace."""
    return ["ip", "netns", "exec", space, *words]


def tear_down() -> None:
    """Delete every namespace of the lab, and with them all links and addresses; end what still runs in them first."""
    names = [path.name for path in Path("/run/netns").glob(PREFIX + "*")] if Path("/run/netns").is_dir() else []
    for name in names:
        found = subprocess.run(
            ["ip", "netns", "pids", name], capture_output=True, text=True, check=False
        ).stdout.split()
        for pid in found:
            if int(pid) != os.getpid():
                subprocess.run(["kill", "-9", pid], check=False, stderr=subprocess.DEVNULL)
    for name in names:
        subprocess.run(["ip", "netns", "del", name], check=False)
