"""The joint half of the demo: two members who do not trust one another, as two processes with real keys.

Each step is done, then told as facts; who prints them decides how they look. Every artefact is left in the folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pollwatch.attribution.claim import Assertion
from pollwatch.attribution.scale import Confidence, Finding, Likelihood, Stance
from pollwatch.clock import Clock
from pollwatch.errors import EvidenceError
from pollwatch.evidence.bundle import Bundle
from pollwatch.evidence.manifest import Posted, SharedEntry
from pollwatch.i18n import _, ngettext
from pollwatch.incidents.incident import Incident
from pollwatch.members.marking import Tlp
from pollwatch.members.member import Role
from pollwatch.node.attribution import lookup
from pollwatch.node.attribution.attributing import Speaker
from pollwatch.node.case import rereading
from pollwatch.node.charter import enrol, staging
from pollwatch.node.charter.jointfolder import Membership
from pollwatch.node.demos import rival
from pollwatch.node.evidence import bundling, rail
from pollwatch.node.gateway import processes
from pollwatch.node.gateway.processes import GatewayProcess
from pollwatch.node.logs import publishing, watching
from pollwatch.node.sharing import joint, releasing
from pollwatch.node.sharing.releasing import Decision
from pollwatch.report.story import Step
from pollwatch.sharing.decisions import Person
from pollwatch.sharing.inbox import Mailbox
from pollwatch.sharing.ledger import Ledger
from pollwatch.sharing.stages import Stage as Trust

ALDER: Final = "Alder Commission"
BIRCH: Final = "Birch Ministry"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the story plays.

    Attributes:
        alder: A's case folder, scanned and sealed.
        birch: B's case folder, empty or absent.
        out: where what third parties get is written.
        incident: what A found and releases.
        clock: time.
        with_lines: whether the bundle shows raw lines; they are read again from the inputs of the scan.
    """

    alder: Path
    birch: Path
    out: Path
    incident: Incident
    clock: Clock
    with_lines: bool = True
    artefacts: dict[str, Path] = field(default_factory=dict)


def tell(stage: Stage) -> Iterator[Step]:
    """Play the story. The gateways are ended when the iterator is exhausted or closed.

    Raises:
        PollwatchError: a step could not be done at all.
    """
    stage.out.mkdir(parents=True, exist_ok=True)
    yield _charter(stage)
    one, two = Membership.open(stage.alder), Membership.open(stage.birch)
    gateways = (GatewayProcess(stage.alder, one.me), GatewayProcess(stage.birch, two.me))
    with processes.running(*gateways):
        yield _publish(stage, one, two, gateways)
        yield _release(stage, one, two)
        claim_id, step = _claim(stage, one)
        yield step
        yield _deny(stage, one, two, claim_id)
        publishing.publish(one, stage.clock)
        publishing.publish(two, stage.clock)
        watching.check_peers(one, stage.clock)
        watching.check_peers(two, stage.clock)
        yield _rewrite(stage, one, two)
    yield from _third_party(stage, one, claim_id)


def _charter(stage: Stage) -> Step:
    """Both introduce themselves, one drafts, both sign."""
    ports = processes.free_ports(2)
    cards = [
        enrol.introduce(case, name, bloc, Role.MEMBER, f"http://127.0.0.1:{port}", stage.clock)
        for case, name, bloc, port in ((stage.alder, ALDER, "alder", ports[0]), (stage.birch, BIRCH, "birch", ports[1]))
    ]
    election = stage.incident.election.election or "Election week"
    terms = enrol.Terms("River Valley joint watch", (election,), None, Tlp.AMBER, 7 * 86_400)
    drafted = enrol.begin(stage.alder, enrol.draft(cards, terms, stage.clock))
    by_both = enrol.sign(stage.birch, drafted.to_bytes(), stage.clock)
    enrol.sign(stage.alder, by_both.signed.to_bytes(), stage.clock)
    charter = by_both.signed.charter
    decided = Person.here(_("duty officer"))
    for each in (Membership.open(stage.alder), Membership.open(stage.birch)):
        staging.switch(each, each.peers[0], Trust.CLAIM, decided, _("the story needs it"), stage.clock)
    stage.artefacts["charter"] = stage.out / "charter.note"
    stage.artefacts["charter"].write_bytes(by_both.signed.to_bytes())
    return Step(
        "charter",
        _("Two rivals sign one charter"),
        (
            (_("members"), ", ".join(each.name for each in charter.members)),
            (_("signed by"), ", ".join(each.statement.name for each in charter.members)),
            (_("fingerprint"), charter.digest[:32]),
            (
                _("each tells the other"),
                _("what it releases and claims, as {person} decided").format(person=decided.name),
            ),
            (_("file"), str(stage.artefacts["charter"])),
        ),
        expected=by_both.in_force,
    )


def _publish(stage: Stage, one: Membership, two: Membership, gateways: tuple[GatewayProcess, ...]) -> Step:
    """Each serves its log from a process of its own and cosigns the other's."""
    published = [(each, publishing.publish(each, stage.clock)) for each in (one, two)]
    looked = [watching.check_peers(each, stage.clock) for each in (one, two)]
    facts = [
        (
            each.me.name,
            _("process {pid}, {address}: {size} entries, cosigned by {others}").format(
                pid=gateway.pid,
                address=each.me.address,
                size=done.size,
                others=", ".join(c.member for c in done.cosignings if not c.problem) or _("nobody"),
            ),
        )
        for (each, done), gateway in zip(published, gateways, strict=True)
    ]
    sound = all(each.sound for pair in looked for each in pair)
    expected = sound and all(done.grade == "quorum" for _each, done in published)
    return Step("publish", _("Each seals its log, and cosigns the other's over HTTP"), tuple(facts), expected)


def _release(stage: Stage, one: Membership, two: Membership) -> Step:
    """A tells B of one incident; the ledger has the very bytes that B received."""
    prepared = releasing.prepare_incident(one, stage.incident, None, stage.clock)
    decision = Decision(_("duty officer"), _("charter, section on sharing"))
    sent = releasing.release(one, prepared, two.me, decision, stage.clock)
    taken = joint.take_in(two, stage.clock)
    recorded = Ledger(one.folder.record).get(sent.disclosure.number)
    received = [each.body for each in Mailbox(two.folder.mailbox, stage.clock).all()]
    stage.artefacts["released"] = stage.out / "released-incident.json"
    stage.artefacts["released"].write_bytes(recorded.release.body)
    kinds = ", ".join(f"{count} {kind}" for each in taken for kind, count in each.kinds.items())
    return Step(
        "release",
        _("One incident is released to the other, and the ledger shows exactly what left"),
        (
            (_("disclosure"), f"{recorded.number}: {recorded.release.subject} → {recorded.release.receiver}"),
            (_("marking"), recorded.release.tlp.label),
            (_("decided by"), f"{decision.released_by}; {decision.legal_basis}"),
            (_("bytes"), f"{len(recorded.release.body)}, SHA-256 {recorded.release.sha256}"),
            (_("received"), kinds),
            (_("kept back"), _("raw lines, user names, what was attacked, which rules fired")),
            (_("file"), str(stage.artefacts["released"])),
        ),
        expected=not sent.problem and bool(recorded.receipt) and recorded.release.body in received,
    )


def _claim(stage: Stage, one: Membership) -> tuple[str, Step]:
    """A says, signed, that B did it."""
    respondent = one.charter.member(BIRCH)
    text = _(
        "The addresses that acted in this incident are in a network that the respondent has announced as its own. "
        "They may have been hijacked; hence no more than likely."
    )
    incident = lookup.incident_object_id(one, stage.incident.id)
    assertion = Assertion(incident, Finding.NAMED, respondent, Likelihood.LIKELY, Confidence.LOW, text)
    spoken = Speaker(one, Decision(_("commissioner"), _("charter")), stage.clock).claim(assertion)
    facts = (
        (_("claim"), f"{ALDER} → {BIRCH}"),
        (_("likelihood"), f"{Likelihood.LIKELY.word} ({Likelihood.LIKELY.value[1]}-{Likelihood.LIKELY.value[2]} %)"),
        (_("confidence"), Confidence.LOW.value),
        (_("sealed"), _("entry {index} of the claimant's shared log").format(index=spoken.log_index)),
    )
    delivered = not any(each.problem for each in spoken.sent)
    return spoken.id, Step("claim", _("A member claims, signed, who did it"), facts, delivered)


def _deny(stage: Stage, one: Membership, two: Membership, claim_id: str) -> Step:
    """B denies; both logs have it, and the claim never travels without it again."""
    joint.take_in(two, stage.clock)
    text = _("It was not us. That network was leased to a third party in the spring; the contract is enclosed.")
    decision = Decision(_("spokesperson"), _("charter"))
    spoken = Speaker(two, decision, stage.clock).opine(claim_id, Stance.STRONGLY_DISAGREE, text)
    joint.take_in(one, stage.clock)
    stage.artefacts["record"] = stage.out / "claim-and-denial.json"
    stage.artefacts["record"].write_bytes(lookup.record_of(one, claim_id))
    judged = next(each for each in lookup.all_judged(one) if each.claim.id == claim_id)
    facts = (
        (_("denial"), f"{BIRCH}: {judged.denials[0].text}" if judged.denials else _("none")),
        (_("sealed"), _("entry {index} of the respondent's log, and in the claimant's").format(index=spoken.log_index)),
        (_("travels"), _("with every copy of the claim, unaltered: {file}").format(file=stage.artefacts["record"])),
    )
    return Step(
        "denial", _("The respondent denies, and the denial travels with the claim"), facts, bool(judged.denials)
    )


def _rewrite(stage: Stage, one: Membership, two: Membership) -> Step:
    """B makes the claim against it disappear from its log, and is caught."""
    changed = rival.rewrite(stage.birch, _without_claims, stage.clock)
    after = publishing.publish(two, stage.clock)
    found = watching.check_peer(one, one.charter.member(BIRCH), stage.clock)
    cosigned = _("cosigned")
    facts = [
        (_("what it did"), _replaced(changed)),
        (_("cosigning"), "; ".join(f"{each.member}: {each.problem or cosigned}" for each in after.cosignings)),
        (_("found"), found.detail),
    ]
    if found.proof is None:
        return Step("rewrite", _("A member rewrites its log"), tuple(facts), expected=False)
    stage.artefacts["fork"] = stage.out / "fork-proof.json"
    stage.artefacts["fork"].write_bytes(found.proof.read_bytes())
    code, said = processes.run_module("pollwatch.evidence.verify", str(stage.artefacts["fork"]))
    facts.append((_("a third party's check"), finding(said)))
    facts.append((_("proof"), str(stage.artefacts["fork"])))
    refused = all(each.problem for each in after.cosignings)
    return Step("rewrite", _("A member rewrites its log, and is caught"), tuple(facts), code == 0 and refused)


def _third_party(stage: Stage, one: Membership, claim_id: str) -> Iterator[Step]:
    """A exports the evidence; a third party checks it, the record and a forgery, each in a process of its own."""
    bundle, names = _export(stage, one)
    data = bytearray(stage.artefacts["bundle"].read_bytes())
    place = len(data) // 2
    data[place] ^= 1
    stage.artefacts["flipped"] = stage.out / "evidence-bundle-one-byte-changed.zip"
    stage.artefacts["flipped"].write_bytes(data)
    paths = {name: str(path) for name, path in stage.artefacts.items()}
    checks = (
        ("pollwatch.evidence.verify", paths["bundle"], "--policy", paths["policy"]),
        ("pollwatch.attribution.verify", paths["record"], "--charter", paths["charter"]),
        ("pollwatch.evidence.verify", paths["flipped"]),
    )
    with ThreadPoolExecutor(len(checks)) as pool:
        whole, record, forged = pool.map(lambda each: processes.run_module(*each), checks)
    shown = sum(len(each.lines) for each in bundle.batches)
    # The grade, and what is proven; the headings between them are for the verifier's own page.
    grade, *rest = whole[1].partition(_("Only said"))[0].splitlines() or [""]
    proven = [grade, *(line for line in rest if line.strip().startswith("-"))]
    yield Step(
        "verify",
        _("A third party checks the exported evidence, offline"),
        (
            (_("in it"), _("{lines} log lines, the incident, {files}").format(lines=shown, files=", ".join(names))),
            (_("file"), paths["bundle"]),
            *((_("checked"), line.strip(" -")) for line in proven),
        ),
        expected=whole[0] == 0,
    )
    yield Step(
        "record",
        _("Claim and denial check out with the charter alone"),
        ((_("record"), claim_id), *((_("checked"), line.strip()) for line in record[1].splitlines())),
        expected=record[0] == 0,
    )
    yield Step(
        "forgery",
        _("One changed byte, and it fails"),
        (
            (_("changed"), _("one bit of byte {place} of {size}").format(place=place, size=len(data))),
            (_("checked"), _first_line(forged[1])),
            (_("exit code"), str(forged[0])),
        ),
        expected=forged[0] == EvidenceError.exit_code,
    )


def _export(stage: Stage, one: Membership) -> tuple[Bundle, list[str]]:
    """The bundle of the incident, with the charter and each claim and denial; and what was attached."""
    stage.artefacts["bundle"] = stage.out / "evidence-bundle.zip"
    stage.artefacts["policy"] = stage.out / "policy.txt"
    joined = joint.travelling(stage.alder, stage.incident.id)
    stage.artefacts["policy"].write_bytes(joined.policy or b"")
    witnesses = tuple(each.witness for each in one.peers)
    extras = bundling.Extras(joined.attachments, witnesses, joined.policy)
    fetch = rereading.Rereader(rereading.find_file) if stage.with_lines else None
    with rail.opened(stage.alder, stage.clock) as evidence:
        made = bundling.export(evidence, stage.incident, stage.artefacts["bundle"], stage.clock, fetch, extras)
    return made, list(extras.attachments)


def _without_claims(entry: SharedEntry) -> bytes | None:
    """In the place of a claim, something harmless: the charter's name, posted as a policy."""
    if isinstance(entry, Posted) and entry.kind == "claim":
        return Posted.of("policy", "note", b"nothing to see here").to_bytes()
    return None


def _replaced(changed: int) -> str:
    text = ngettext(
        "replaced {changed} entry and signed all again, with its real key",
        "replaced {changed} entries and signed all again, with its real key",
        changed,
    )
    return text.format(changed=changed)


def _first_line(said: str) -> str:
    return next(iter(said.strip().splitlines()), "")


def finding(said: str) -> str:
    """The first thing that a verifier found proven, or else what it said first."""
    found = (line.strip().removeprefix("- ") for line in said.splitlines() if line.strip().startswith("- "))
    return next(found, _first_line(said))
