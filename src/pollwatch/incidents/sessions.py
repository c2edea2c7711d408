"""Log-in messages that name no address: whose they are.

- Messages of the same process as an incident's own messages are of the same connection (PAM's, for example).
- Where an incident's address was let in, the session is what the account does on that host from then until the
  connection's last message (``SESSION_US`` where there is none): its own messages (``sudo`` names who calls it), and
  those of account tools within seconds of them (``useradd`` names only the new account). If the same account was
  let in from elsewhere in the half day before, nobody can tell the two apart, and nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from pollwatch.clock import US_PER_S
from pollwatch.incidents.spool import KIND_AUTH, NO_TIME, STATUS_OK, Rows, hash_of, short

#: Process numbers come around again; a connection's messages stand nearer than that.
PROCESS_US: Final = 12 * 3600 * US_PER_S
SESSION_US: Final = 4 * 3600 * US_PER_S
#: Rights that were asked for show their use within this time.
DEED_US: Final = 5 * US_PER_S
#: Programs that change accounts, or act with another's rights, and do not say on whose behalf.
TOOLS: Final = (
    "sudo", "su", "doas", "pkexec", "useradd", "usermod", "userdel", "adduser", "deluser", "groupadd", "groupmod",
    "groupdel", "gpasswd", "passwd", "chpasswd", "chage", "chsh", "chfn", "visudo", "crontab",
)  # fmt: skip


def same_process(ours: Rows, of_processes: Callable[[npt.NDArray[np.uint32]], Rows]) -> Rows:
    """The messages without an address that the processes behind these rows wrote.

    Args:
        ours: the rows.
        of_processes: what some processes wrote that names no address.
    """
    auth = ours.take((ours.kind == KIND_AUTH) & (ours.thread != 0))
    candidates = of_processes(auth.thread)
    candidates = candidates.take(candidates.time != NO_TIME)
    if not len(candidates):
        return candidates
    order = np.lexsort((auth.time, auth.thread))
    threads, times = auth.thread[order], auth.time[order]
    first = np.searchsorted(threads, candidates.thread, side="left")
    last = np.searchsorted(threads, candidates.thread, side="right") - 1
    after_first = candidates.time >= times[np.minimum(first, len(times) - 1)] - PROCESS_US
    return candidates.take(after_first & (candidates.time <= times[last] + PROCESS_US))


def session(ours: Rows, unaddressed: Rows, logins: Rows) -> Rows:
    """What the accounts that let these rows' addresses in did on those hosts during the session."""
    accepted = ours.take((ours.kind == KIND_AUTH) & (ours.status == STATUS_OK) & (ours.user != 0))
    parts: list[Rows] = []
    for account, host in sorted({(int(u), int(h)) for u, h in zip(accepted.user, accepted.host, strict=True)}):
        on_host = unaddressed.take((unaddressed.host == host) & (unaddressed.time != NO_TIME))
        mine = accepted.take((accepted.user == account) & (accepted.host == host))
        others = logins.take((logins.user == account) & (logins.host == host) & ~np.isin(logins.ip, ours.ip))
        for index in range(len(mine)):
            begin, thread = int(mine.time[index]), int(mine.thread[index])
            if ((others.time >= begin - PROCESS_US) & (others.time <= begin + SESSION_US)).any():
                continue
            closing = on_host.time[(on_host.thread == thread) & (on_host.time >= begin)] if thread else np.empty(0)
            closed = closing[closing <= begin + PROCESS_US]
            end = int(closed.max()) if closed.size and int(closed.max()) > begin + DEED_US else begin + SESSION_US
            parts.append(_deeds(on_host.take((on_host.time >= begin) & (on_host.time <= end + DEED_US)), account))
    return Rows.join(parts)


def _deeds(during: Rows, account: int) -> Rows:
    """The account's own messages, and those of account tools right after them."""
    own = during.user == account
    moments = np.sort(during.time[own])
    if not moments.size:
        return during.take(own)
    before = moments[np.maximum(np.searchsorted(moments, during.time, side="right") - 1, 0)]
    tools = np.isin(during.stem, short(hash_of(TOOLS)))
    return during.take(own | (tools & (np.abs(during.time - before) <= DEED_US)))
