"""What a dishonest member can do to its own log, for the demo and for the tests: it really does it.

It has the key, so nothing can stop it. What it cannot do is to take back what it has signed before.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pollwatch.clock import Clock
from pollwatch.evidence.keys import Signer
from pollwatch.evidence.log import Log
from pollwatch.evidence.manifest import SharedEntry, parse_shared


def rewrite(case_dir: Path, change: Callable[[SharedEntry], bytes | None], clock: Clock) -> int:
    """Replace a case's shared log by another history under the same key.

    Args:
        case_dir: the member's folder; its gateway may go on serving what lies there.
        change: for each entry, what stands there instead; None = the entry as it was.
        clock: for the new log's cosignature times.

    Returns:
        How many entries were changed.
    """
    evidence = case_dir / "evidence"
    keys = evidence / "keys"
    signers = [Signer.load(keys / "shared.key"), Signer.load(keys / "shared-mldsa.key")]
    with Log.open(evidence / "shared", signers, clock) as log:
        before = list(log.reader().entries(0, log.size))
    after = [change(parse_shared(each)) or each for each in before]
    # The signed state would refuse; so it is thrown away with the rest.
    (evidence / "shared").rename(evidence / "shared-before")
    with Log.open(evidence / "shared", signers, clock) as log:
        log.append(after)
    return sum(old != new for old, new in zip(before, after, strict=True))
