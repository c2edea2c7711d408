"""What a watch publishes of its case: incidents are sealed, and a checkpoint says so."""

from __future__ import annotations

from collections.abc import Sequence

from pollwatch.clock import Clock
from pollwatch.incidents.incident import Incident
from pollwatch.incidents.live import LiveCase
from pollwatch.node.evidence import rhythm
from pollwatch.node.evidence.sealing import CaseEvidence
from pollwatch.node.floor import auditing


def publish(live: LiveCase, clock: Clock, incidents: Sequence[Incident] = ()) -> None:
    """Seal incidents, bring the private log in order, and publish a seal where no sealer does; the lock is held."""
    with CaseEvidence.open(live.folder.root, clock, wait=True) as evidence:
        evidence.seal_incidents(incidents)
        auditing.seal_case(live.folder.root, evidence, clock)  # of a console that is gone, or could not
        rhythm.append_due(evidence, clock)
        if evidence.interval is None:
            evidence.publish_seal()
