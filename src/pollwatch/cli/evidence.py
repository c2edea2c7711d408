"""``pollwatch evidence``: look after a case's own logs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pollwatch.cli import keys as key_commands
from pollwatch.cli import options, witness
from pollwatch.errors import UsageError
from pollwatch.events.printable import printable
from pollwatch.i18n import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollwatch.errors import StoreError
    from pollwatch.node.evidence.casekeys import Which
    from pollwatch.node.evidence.erasing import Asked
    from pollwatch.node.logs import monitoring

_UNIT_S = {"s": 1, "m": 60, "h": 3_600}


@click.group(name="evidence")
def command() -> None:
    """Check a case's logs, and show what others need to check them."""


command.add_command(witness.cosign)
command.add_command(witness.witness)
command.add_command(key_commands.key)


@command.command()
@options.required_case_dir
def fsck(*, case_dir: Path) -> None:
    """Recompute both logs from their entries: every bundle, every tile, the signed roots. Changes nothing.

    Also looks whether what opens the batches is still there and belongs to them; the lines themselves are not read.
    """
    from pollwatch.evidence.fsck import check_log
    from pollwatch.evidence.manifest import parse_private, parse_shared
    from pollwatch.node.evidence.casekeys import CaseKeys
    from pollwatch.node.evidence.checking import check_openings

    keys = CaseKeys.load(case_dir / "evidence")
    for name, signer, parse in (("private", keys.private, parse_private), ("shared", keys.shared, parse_shared)):
        reader = check_log(case_dir / "evidence" / name, signer.verifier)
        for entry in reader.entries(0, reader.size):
            parse(entry)
        text = _("{name} log {origin}: {size} entries, all as signed.")
        click.echo(text.format(name=name, origin=signer.name, size=reader.size), err=True)
        if name == "private":
            kept, erased = check_openings(case_dir / "evidence" / "openings.sqlite", reader)
            text = _("Batches of lines: {kept} can be opened, {erased} were erased.")
            click.echo(text.format(kept=kept, erased=erased), err=True)


@command.command()
@options.required_case_dir
@options.which_log
def checkpoint(*, case_dir: Path, which: Which) -> None:
    """Print a log's latest signed checkpoint, with its cosignatures."""
    from pollwatch.evidence.log import open_reader
    from pollwatch.node.evidence.casekeys import CaseKeys

    present = CaseKeys.load(case_dir / "evidence").of(which)[0].verifier
    signed, _reader = open_reader(case_dir / "evidence" / which / "public", present)
    click.echo(signed.to_bytes(), nl=False)


@command.command(epilog="Stop it with SIGTERM or Ctrl-C.")
@options.required_case_dir
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port to listen on; 0: any free one."
)
def serve(*, case_dir: Path, host: str, port: int) -> None:
    """Serve the shared log for reading, over HTTP, to whoever can reach the address (C2SP tlog-tiles).

    Checkpoint and tiles are all that it serves, and it needs no key for that: other people's tools read the log here.
    It prints its address on stderr once it listens. The gateway of a joint watch serves the log too, below /log.
    """
    from pollwatch.evidence.published import Published
    from pollwatch.node.logs import readpath

    public = case_dir / "evidence" / "shared" / "public"
    size = Published(public).size()

    def ready(address: str) -> None:
        text = _("the shared log of {size} entries is at {address}/checkpoint")
        click.echo(text.format(size=size, address=address), err=True)

    readpath.serve(public, host, port, ready)


@command.command()
@options.required_case_dir
def policy(*, case_dir: Path) -> None:
    """Print the policy lines that let others verify this case's bundles: give them to them in person.

    They add the witnesses that they trust, and how many of them must have cosigned.
    """
    from pollwatch.evidence.policy import Policy
    from pollwatch.node.evidence import rekeying

    chain = rekeying.show(case_dir, "shared").chain
    verifier = chain.present
    following = {chain.name: chain.links[-1].following} if chain.links else {}
    click.echo(Policy((verifier,), {}, {}, "none", following=following).to_bytes(), nl=False)
    click.echo(_("Fingerprint: {fingerprint}").format(fingerprint=verifier.fingerprint), err=True)


class _Every(click.ParamType[int]):
    """How long an interval is, in seconds: ``300``, ``300s``, ``5m``, ``1h``; from one second to a day."""

    name = "interval"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds."""
        given = re.fullmatch(r"([0-9]{1,6})([smh]?)", str(value), re.ASCII)
        seconds = int(given[1]) * _UNIT_S[given[2] or "s"] if given else 0
        if not 1 <= seconds <= 86_400:
            self.fail(_("{value!r} is no interval; write e.g. 300, 90s, 5m or 1h").format(value=value), param, ctx)
        return seconds


@command.command()
@options.required_case_dir
@click.option("--every", "every_s", type=_Every(), metavar="INTERVAL", help="One seal per interval: 5m, 90s, 1h.")
@click.option("--once", is_flag=True, help="Seal the present interval if it has no seal yet, and end: for a timer.")
@click.option("--off", is_flag=True, help="End it: from now on every scan publishes a seal of its own again.")
def sealer(*, case_dir: Path, every_s: int | None, once: bool, off: bool) -> None:
    """Seal the case at a fixed interval, also when nothing happened, until stopped.

    Others then learn nothing from when a seal comes. As long as an interval is configured, scans publish no seal of
    their own. Without --every the interval of the last time holds. Intervals that were missed are not made up for.
    """
    from pollwatch.clock import SystemClock
    from pollwatch.node.evidence import interval, sealing_loop

    if off and (every_s or once):
        raise UsageError(_("--off goes with neither --every nor --once"))
    if off:
        interval.remove(case_dir / "evidence")
        return

    def tell(index: int) -> None:
        click.echo(_("seal {index}").format(index=index), err=True)

    def trouble(error: StoreError) -> None:
        click.echo(_("no seal yet: {error}").format(error=printable(str(error))), err=True)

    sealing_loop.run(case_dir, every_s, SystemClock(), once=once, tell=tell, trouble=trouble)


@command.command()
@options.required_case_dir
@click.option("--tsa", "address", required=True, metavar="URL", help="Where the time-stamp authority takes requests.")
@click.option(
    "--trust",
    "authority_files",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="FILE",
    multiple=True,
    help="Certificates (PEM) to check the answer with at once. May be repeated.",
)
def timestamp(*, case_dir: Path, address: str, authority_files: tuple[Path, ...]) -> None:
    """Let an authority stamp the shared log's present state (RFC 3161): it existed no later than then.

    The authority learns a hash and this node's address. The token is kept with the case and goes into every bundle
    that it covers; who verifies the bundle gives the authority's certificates: pollwatch verify --tsa FILE.
    """
    from pollwatch.clock import rfc3339
    from pollwatch.events.printable import printable
    from pollwatch.evidence.timestamp import Authorities
    from pollwatch.node.evidence import timestamping

    trusted = Authorities.parse(b"\n".join(each.read_bytes() for each in authority_files)) if authority_files else None
    done = timestamping.stamp(case_dir, address, trusted)
    text = _("size {size} stamped at {time} by {address}; kept in {path}")
    shown = text.format(size=done.size, time=rfc3339(done.time_us), address=printable(address), path=done.path)
    click.echo(shown, err=True)


_reason = click.option("--reason", required=True, help="Why; it is sealed, and shown to nobody.")


@command.command(epilog="Exit codes: 4 there are no such lines, 6 a legal hold covers them.")
@options.required_case_dir
@click.option("--input", "path", metavar="INPUT", help="All lines of this input, by the case's name for it.")
@click.option("--before", type=options.Moment(), help="All batches of lines that are wholly older than this.")
@click.option("--lines", metavar="INPUT:FIRST-LAST", help="The batches that hold any of these records.")
@_reason
def erase(*, case_dir: Path, path: str | None, before: str | None, lines: str | None, reason: str) -> None:
    """Erase log lines from a case for good: what opens them, their events, and the samples that incidents show.

    The logs keep their hashes, which say nothing any more; all other proofs stay valid, and a tombstone records that
    this was done. Lines are erased in whole batches (up to 20,000 records). Findings stay, and so does what was
    released to others. The original log file is yours to delete: scanned again, its lines come back.
    """
    from pollwatch.clock import UTC, SystemClock
    from pollwatch.incidents.records import Case
    from pollwatch.node.evidence import erasing
    from pollwatch.node.evidence.sealing import CaseEvidence

    if sum(each is not None for each in (path, before, lines)) != 1:
        raise UsageError(_("say what to erase: one of --input, --before, --lines"))
    clock = SystemClock()
    if lines is not None:
        asked = _lines(lines)
    elif before is not None:
        asked = erasing.Asked(before_us=options.moment_us(before, clock.now_us(), UTC))
    else:
        asked = erasing.Asked(path=path)
    with Case.open(case_dir, clock, create=False) as case, CaseEvidence.open(case_dir, clock) as evidence:
        erased = erasing.erase(case, evidence, asked, reason, clock)
    for name, ranges in erased.lines.items():
        shown = ", ".join(f"{first}-{last}" for first, last in ranges)
        click.echo(_("{name}: records {ranges} erased").format(name=printable(name), ranges=shown), err=True)
    text = _("tombstone: entry {entry}; {incidents} sealed incidents cannot be opened any more")
    click.echo(text.format(entry=erased.tombstone, incidents=erased.incidents), err=True)


@command.group()
def hold() -> None:
    """Legal holds: what they name cannot be erased, whoever asks."""


@hold.command()
@options.required_case_dir
@click.option("--input", "path", metavar="INPUT", help="Hold this input only.  [default: the whole case]")
@_reason
def add(*, case_dir: Path, path: str | None, reason: str) -> None:
    """Put an input, or the whole case, under a hold."""
    from pollwatch.clock import SystemClock
    from pollwatch.node.evidence import erasing
    from pollwatch.node.evidence.sealing import CaseEvidence

    clock = SystemClock()
    with CaseEvidence.open(case_dir, clock) as evidence:
        click.echo(erasing.place_hold(evidence, path, reason, clock).id)


@hold.command(name="list")
@options.required_case_dir
def list_(*, case_dir: Path) -> None:
    """Show the holds in force: id, since when, what, why."""
    from pollwatch.clock import SystemClock, rfc3339
    from pollwatch.node.evidence import erasing
    from pollwatch.node.evidence.sealing import CaseEvidence

    with CaseEvidence.open(case_dir, SystemClock()) as evidence:
        for each in erasing.holds(evidence):
            what = printable(each.path) or _("the whole case")
            click.echo(f"{each.id}  {rfc3339(each.at_us)}  {what}  {printable(each.reason)}")


@hold.command()
@click.argument("hold_id", metavar="ID")
@options.required_case_dir
@_reason
def release(*, hold_id: str, case_dir: Path, reason: str) -> None:
    """End a hold; that, and why, is sealed too."""
    from pollwatch.clock import SystemClock
    from pollwatch.node.evidence import erasing
    from pollwatch.node.evidence.sealing import CaseEvidence

    clock = SystemClock()
    with CaseEvidence.open(case_dir, clock) as evidence:
        erasing.release_hold(evidence, hold_id, reason, clock)


def _lines(text: str) -> Asked:
    from pollwatch.node.evidence.erasing import Asked

    path, _colon, numbers = text.rpartition(":")
    found = re.fullmatch(r"([0-9]{1,15})(?:-([0-9]{1,15}))?", numbers, re.ASCII)
    if not path or not found:
        raise UsageError(_("{text!r} names no lines; write INPUT:FIRST-LAST").format(text=printable(text)))
    return Asked(path=path, lines=(int(found[1]), int(found[2] or found[1])))


@command.command(
    epilog="Exit codes: 0 all is well, 4 a log forked, went back or is damaged, 5 a member is late or out of reach."
)
@options.required_case_dir
@click.option(
    "--every", "every_s", type=_Every(), default="5m", show_default=True, metavar="INTERVAL", help="How often."
)
@click.option("--expect", "expect_s", type=_Every(), metavar="INTERVAL", help="How often seals were agreed to come.")
@click.option("--once", is_flag=True, help="Look once and end: for a timer.")
@options.as_json
def watch(*, case_dir: Path, every_s: int, expect_s: int | None, once: bool, as_json: bool) -> int:
    """Look at the logs of all other members on a schedule, and at one's own through their eyes.

    What is new in each is read and compared with what was seen before and with what the others cosigned. A log that
    contradicts itself leaves a proof, which is also filed in one's own shared log. Dates that cannot be true are told,
    and a log whose seals came regularly and stopped; with --expect, every missing and late seal. With --json, each
    look is one line.
    """
    from pollwatch import canonical
    from pollwatch.clock import SystemClock
    from pollwatch.events.printable import printable
    from pollwatch.node.logs import monitoring as looking

    def tell(found: Sequence[monitoring.Watched]) -> None:
        if as_json:
            click.echo(canonical.dumps(looking.document(found)))
            return
        for each in found:
            line = _("{member}: {state}, size {size}: {detail}").format(
                member=printable(each.member), state=each.state, size=each.size, detail=printable(each.detail)
            )
            click.echo(line)
            if each.proof is not None:
                click.echo(_("  proof: {path} (pollwatch verify {path})").format(path=each.proof))

    return looking.run(case_dir, every_s, expect_s, SystemClock(), tell, 1 if once else None)
