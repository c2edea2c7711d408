"""Check a bundle or a fork proof, offline, trusting nobody: ``python -m pollwatch.evidence.verify FILE``.

This is the part that a rival audits. It reaches no network, database, web framework or parser of logs; it depends on
``cryptography``, ``rfc8785``, ``rfc3161-client`` and Python's own library. Without a policy it believes the keys that
the file names, says their fingerprints, and grades the result ``asserted``. With the reader's own policy (C2SP
tlog-policy), foreign logs are refused, and cosignatures of the policy's witnesses count; with the certificates of the
reader's own time-stamp authorities, RFC 3161 tokens in the file count (:mod:`pollwatch.evidence.grades`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pollwatch.clock import US_PER_S
from pollwatch.errors import PollwatchError, ProofError, SignatureError, SourceError
from pollwatch.events.printable import printable
from pollwatch.evidence import container, grades, opened
from pollwatch.evidence.bundle import Bundle, read_bundle
from pollwatch.evidence.checkpoint import Checkpoint
from pollwatch.evidence.documents import OpenedDocuments
from pollwatch.evidence.fields import Fields
from pollwatch.evidence.keychain import KeyChain
from pollwatch.evidence.manifest import IncidentEntry
from pollwatch.evidence.misuse import KeyMisuse
from pollwatch.evidence.monitor import ForkProof
from pollwatch.evidence.policy import Policy
from pollwatch.evidence.report import STAMPED, Report, ShownField, Stamp, Statement, Weight, shown_time
from pollwatch.evidence.seal import Seal
from pollwatch.evidence.sequence import Span
from pollwatch.i18n import _, ngettext

_ZIP = b"PK"
_LINE_CHARS = 1000
_SHOWN_FIELDS = 100


def verify_file(path: Path, policy: bytes | None = None, authorities: bytes | None = None) -> Report:
    """Check a file.

    Args:
        path: a bundle (zip) or a fork proof (JSON).
        policy: the reader's C2SP policy file; None believes the file's own keys and grades it ``asserted``.
        authorities: certificates (PEM) of time-stamp authorities that the reader trusts; None counts no time-stamp.

    Raises:
        SourceError: the file cannot be read.
        EvidenceError: something does not fit; the message says what and where.
    """
    try:
        if path.stat().st_size > container.MAX_BYTES:
            raise ProofError(f"{path} is over the limit of {container.MAX_BYTES} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    return verify_bytes(data, policy, authorities)


def verify_bytes(data: bytes, policy: bytes | None = None, authorities: bytes | None = None) -> Report:
    """Check a file's content; see :func:`verify_file`."""
    trusted = opened.parse_policy(policy)
    if data.startswith(_ZIP):
        return _verify_bundle(read_bundle(data), trusted, authorities)
    if data.startswith(b"{"):
        if Fields.load(data, "proof against a log").text("type") == KeyMisuse.KIND:
            return _verify_misuse(KeyMisuse.parse(data), trusted)
        return _verify_fork(ForkProof.parse(data), trusted)
    raise ProofError("neither a bundle nor a fork proof: its first bytes are wrong; it was changed, or is another file")


def _verify_bundle(bundle: Bundle, policy: Policy | None, authorities: bytes | None) -> Report:
    signed = bundle.seal.place.signed
    chain = opened.check_log(bundle, policy)
    log = bundle.keys.log
    seal, private = opened.check_seal(bundle)
    entries = opened.check_entries(bundle, private)
    opened.check_nothing_idle(bundle, entries)
    for batch in bundle.batches:
        batch.check(entries)
    for documents in bundle.documents:
        documents.check(entries.get(documents.entry))
    for sequence in bundle.sequences:
        sequence.check(entries)
    incident = opened.check_incident(bundle.incident, bundle, entries) if bundle.incident else None
    witnessed = opened.check_witnesses(signed, policy)
    claimed = opened.check_claimed_witnesses(signed, bundle.keys.witnesses)
    stamps, shown = _stamps(bundle, chain, authorities)
    keys = [("log", key) for key in log]
    keys += [("log, before its key was changed", each.verifier) for each in reversed(chain.links[:-1])]
    if policy is None:
        keys += [("witness, as the file says", each.verifier) for each in claimed]
    else:
        keys += [("witness", policy.witnesses[name]) for name in witnessed.names]
    statements = (
        *_about_log(bundle, seal, private),
        *_about_keys(chain),
        *_about_content(bundle, incident),
        *_about_witnesses(witnessed, policy, len(claimed)),
        *_about_stamps(stamps, shown),
        *_about_limits(),
    )
    found = grades.grounds(log[0].name, witnessed, policy, stamps)
    not_later_us = grades.not_later_us(witnessed, stamps)
    shown_fields = opened.shown_fields(bundle)
    return Report(
        "bundle", grades.grade(found), log[0].name, tuple(keys), not_later_us, statements, found, shown_fields
    )


def _stamps(bundle: Bundle, log: KeyChain, authorities: bytes | None) -> tuple[tuple[Stamp, ...], int]:
    """The time-stamps that count, and how many there are; each is of the bundle's own seal, or the file is refused."""
    names = [name for name in sorted(bundle.attachments) if name.startswith(STAMPED)]
    if not names and authorities is None:
        return (), 0
    from pollwatch.evidence import timestamp  # noqa: PLC0415 - what has no time-stamp is checked without X.509

    trusted = None if authorities is None else timestamp.Authorities.parse(authorities)
    proofs = [timestamp.TimestampProof.parse(bundle.attachments[name]) for name in names]
    for name, proof in zip(names, proofs, strict=True):
        if proof.index != bundle.seal.place.index:
            raise ProofError(f"{name}: the time-stamp is of entry {proof.index}, and not of this file's seal")
    return timestamp.check_all(proofs, bundle.seal.data, log, trusted), len(proofs)


def _verify_fork(proof: ForkProof, policy: Policy | None) -> Report:
    proof.verify()
    chain = proof.chain
    _check_accused(chain, policy)
    sizes = {"smaller": proof.smaller.checkpoint.size, "larger": proof.larger.checkpoint.size}
    statements: tuple[Statement, ...] = (
        _said_by(
            "proven",
            _("The key of log {log} signed two histories that cannot both be true: at sizes {smaller} and {larger}."),
            log=proof.log.name,
            **sizes,
        ),
        _said_by("proven", _("Nobody without that key could have made this proof; it needs no witness.")),
        _said_by("not-proven", _("Which of the two histories is the true one, and who used the key.")),
    )
    keys = tuple(("log", key) for key in reversed(chain.keys))
    if proof.keys:
        text = _("The key of {log} was changed meanwhile; the file holds the changes, each signed by both keys.")
        statements += (_said_by("proven", text, log=proof.log.name),)
    return Report("fork-proof", "asserted", proof.log.name, keys, None, statements)


def _verify_misuse(proof: KeyMisuse, policy: Policy | None) -> Report:
    proof.verify()
    chain = proof.chain
    _check_accused(chain, policy)
    if proof.checkpoint is not None:
        size = proof.checkpoint.checkpoint.size
        text = _(
            "A key of log {log} signed size {size}, which another key of that log signs: it was retired, or unborn."
        )
        first = _said_by("proven", text, log=chain.name, size=size)
    else:
        text = _("The keys of log {log} signed two different changes of its key, number {number}.")
        first = _said_by("proven", text, log=chain.name, number=chain.links[-1].number)
    statements = (
        first,
        _said_by("proven", _("Nobody without keys of that log could have made this proof; it needs no witness.")),
        _said_by("not-proven", _("Whether a thief used the key or its owner did.")),
    )
    keys = tuple(("log", key) for key in reversed(chain.keys))
    return Report("key-misuse", "asserted", chain.name, keys, None, statements)


def _check_accused(chain: KeyChain, policy: Policy | None) -> None:
    if policy is not None and not set(chain.keys) & set(policy.logs):
        raise SignatureError(
            f"the log key {chain.name} ({chain.first.fingerprint}) is not in the policy: whoever is accused here, "
            "it is not a log that you know"
        )


def _about_log(bundle: Bundle, seal: Seal, private: Checkpoint) -> list[Statement]:
    log = bundle.keys.log[0].name
    found = [
        _said_by("proven", _("Every byte of this file is as the key of log {log} signed it."), log=log),
        _said_by(
            "proven",
            ngettext(
                "{entries} entry of the owner's private log is shown; its state of size {size} is sealed.",
                "{entries} entries of the owner's private log are shown; its state of size {size} is sealed.",
                len(bundle.entries),
            ),
            entries=len(bundle.entries),
            size=private.size,
        ),
        _said_by("proven", _("The seal is entry {index} of {log}."), index=bundle.seal.place.index, log=log),
        _said_by("said", _("The owner dates the seal {time}."), time=shown_time(seal.at_us)),
        _said_by("said", _("The owner dates this file {time}."), time=shown_time(bundle.created_us)),
    ]
    if seal.rivals:
        text = ngettext(
            "The seal names a checkpoint of {count} other log: if that is real, the seal is not older.",
            "The seal names checkpoints of {count} other logs: if they are real, the seal is not older.",
            len(seal.rivals),
        )
        found.append(_said_by("said", text, count=len(seal.rivals)))
    return found


def _about_keys(chain: KeyChain) -> list[Statement]:
    if len(chain.links) < 2:
        return []
    text = ngettext(
        "The key of {log} was changed {count} time: that is in the log, and the former key had named the new one.",
        "The key of {log} was changed {count} times: that is in the log, and each key had named the one after it.",
        len(chain.links) - 1,
    )
    return [_said_by("proven", text, log=chain.name, count=len(chain.links) - 1)]


def _about_content(bundle: Bundle, incident: IncidentEntry | None) -> list[Statement]:
    found = []
    shown = sum(len(batch.lines) for batch in bundle.batches)
    if incident is not None:
        text = ngettext(
            "Incident {id} (severity {severity}) was sealed as it is shown here; it has {lines} line.",
            "Incident {id} (severity {severity}) was sealed as it is shown here; it has {lines} lines.",
            incident.lines,
        )
        found.append(_said_by("proven", text, id=incident.id, severity=incident.severity, lines=incident.lines))
    if shown:
        text = ngettext(
            "{shown} log line is, byte for byte, the one that was sealed, under the record number it shows.",
            "{shown} log lines are, byte for byte, those that were sealed, under the record numbers they show.",
            shown,
        )
        found.append(_said_by("proven", text, shown=shown))
    found += _about_fields(opened.shown_fields(bundle))
    found += [each for documents in bundle.documents for each in _about_documents(documents)]
    found += [_about_sequence(sequence.span) for sequence in bundle.sequences]
    for name in sorted(bundle.attachments):
        if name.startswith(STAMPED):
            continue
        text = _("Attachment {name} is in the file; what it says is its author's word, checked by its own signature.")
        found.append(_said_by("said", text, name=name))
    return found


def _about_fields(shown: Sequence[ShownField]) -> list[Statement]:
    if not shown:
        return []
    found = []
    for each in shown[:_SHOWN_FIELDS]:
        where = {"name": each.name, "number": each.line, "path": each.path}
        if each.value is None:
            text = _("Line {number} of {path} was sealed as having no field {name}; the rest of the line is not shown.")
            found.append(_said_by("proven", text, **where))
        else:
            text = _(
                "Field {name} of line {number} of {path} was sealed with the value {value}; "
                "the rest of the line is not shown."
            )
            found.append(_said_by("proven", text, value=each.text, **where))
    more = len(shown) - _SHOWN_FIELDS
    if more > 0:
        text = ngettext("{more} more field was sealed as shown.", "{more} more fields were sealed as shown.", more)
        found.append(_said_by("proven", text, more=more))
    limit = _(
        "That a field is what its line says: the owner took it from the line. The line, if shown too, would tell."
    )
    return [*found, _said_by("not-proven", limit)]


def _about_documents(documents: OpenedDocuments) -> list[Statement]:
    limit = _("That what a document says is true, that all were sealed, or that one that was not sealed is forged.")
    if documents.disowned is not None:
        text = _("The file with SHA-256 {digest} is none of the {count} documents of entry {entry}: all are shown.")
        count, digest = len(documents.shown), documents.disowned.sha256.hex()
        said = [_said_by("proven", text, digest=digest, count=count, entry=documents.entry)]
    else:
        text = _("The file with SHA-256 {digest} ({size} bytes) is one of the documents that were sealed.")
        said = [
            _said_by("proven", text, digest=each.digest.sha256.hex(), size=each.digest.size_bytes)
            for each in documents.shown
        ]
    return [*said, _said_by("not-proven", limit)]


def _about_sequence(span: Span) -> Statement:
    runs = span.runs
    if len(runs) == 1:
        text = _("Of input {path} the records {first} to {last} were all sealed then: none between them is left out.")
        return _said_by("proven", text, path=span.path, first=runs[0][0], last=runs[0][1])
    shown = ", ".join(f"{first}-{last}" for first, last in runs)
    text = _("Of input {path} the records {runs} were sealed then, and those between them were not.")
    return _said_by("proven", text, path=span.path, runs=shown)


def _about_witnesses(witnessed: opened.Witnessed, policy: Policy | None, claimed: int) -> list[Statement]:
    if policy is None:
        found = [
            _said_by("not-proven", _("Who owns the log: without --policy its key is believed as the file names it."))
        ]
        if claimed:
            text = ngettext(
                "{count} witness cosigned, by a key that only this file vouches for; --policy makes it count.",
                "{count} witnesses cosigned, by keys that only this file vouches for; --policy makes them count.",
                claimed,
            )
            found.append(_said_by("said", text, count=claimed))
        return found
    found = [
        _said_by(
            "proven",
            _("Witness {name} saw this state of the log at {time}."),
            name=name,
            time=shown_time(at * US_PER_S),
        )
        for name, at in witnessed.names.items()
    ]
    if witnessed.quorum_s is not None:
        text = _("It existed no later than {time}: by then the policy's quorum had cosigned.")
        found.append(_said_by("proven", text, time=shown_time(witnessed.quorum_s * US_PER_S)))
    else:
        text = _("Too few of the policy's witnesses cosigned for its quorum; a refusal proves nothing either way.")
        found.append(_said_by("not-proven", text))
    return found


def _about_stamps(stamps: Sequence[Stamp], shown: int) -> list[Statement]:
    found = [
        _said_by(
            "proven",
            _("It existed no later than {time}: the time-stamp authority {authority} says so, and you trust its key."),
            time=shown_time(stamp.latest_us),
            authority=stamp.authority,
        )
        for stamp in stamps
    ]
    if shown > len(stamps):
        text = ngettext(
            "{count} time-stamp is by an authority that you have not named; --tsa with its certificate makes it count.",
            "{count} time-stamps are by authorities that you have not named; --tsa with certificates makes them count.",
            shown - len(stamps),
        )
        found.append(_said_by("said", text, count=shown - len(stamps)))
    return found


def _about_limits() -> list[Statement]:
    return [
        _said_by("not-proven", _("That what the lines say is true: only that it is what was recorded then.")),
        _said_by("not-proven", _("That nothing was left out: what its owner keeps closed stays closed.")),
    ]


def _said_by(weight: Weight, template: str, **values: object) -> Statement:
    shown = {key: printable(value, 255) if isinstance(value, str) else value for key, value in values.items()}
    return Statement(weight, template.format(**shown))


def main(arguments: Sequence[str] | None = None) -> int:
    """The verifier on its own, for somebody who audits nothing but this package.

    Returns:
        0 when everything fits, 4 when something does not, 3 when the file cannot be read.
    """
    parser = argparse.ArgumentParser(prog="python -m pollwatch.evidence.verify", description=__doc__)
    parser.add_argument("file", type=Path, help=_("a bundle or a fork proof"))
    parser.add_argument("--policy", type=Path, help=_("the logs and witnesses that you know (C2SP tlog-policy)"))
    parser.add_argument("--tsa", type=Path, action="append", help=_("time-stamp authorities that you trust (PEM)"))
    given = parser.parse_args(arguments)
    try:
        policy = given.policy.read_bytes() if given.policy else None
        authorities = b"\n".join(each.read_bytes() for each in given.tsa) if given.tsa else None
        report = verify_file(given.file, policy, authorities)
    except OSError as error:
        sys.stderr.write(printable(f"{error}", _LINE_CHARS) + "\n")
        return SourceError.exit_code
    except PollwatchError as error:
        sys.stderr.write(_("Does not verify: {error}").format(error=printable(str(error), _LINE_CHARS)) + "\n")
        return error.exit_code
    for line in report.lines():
        sys.stdout.write(printable(line, _LINE_CHARS) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
