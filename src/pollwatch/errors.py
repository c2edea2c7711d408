"""The one error tree.

Every message names the source, line or member at fault and what to do about it. ``exit_code`` is what the
command line ends with when the error reaches it (the table is in ``docs/reference/exit-codes.md``).
"""

from __future__ import annotations

from typing import ClassVar


class PollwatchError(Exception):
    """Anything pollwatch itself can say about what went wrong."""

    exit_code: ClassVar[int] = 70


class UsageError(PollwatchError):
    """The command was called in a way that cannot be meant."""

    exit_code = 2


class SourceError(PollwatchError):
    """An input cannot be opened, decompressed or read to its end."""

    exit_code = 3


class FormatError(PollwatchError):
    """An input has no recognised format, or a format's own definition is wrong."""

    exit_code = 3


class RuleError(PollwatchError):
    """A detection rule cannot be loaded; the message names its file and what in it is not understood."""

    exit_code = 6


class ConfigError(PollwatchError):
    """The configuration is wrong; the message names the file, the key and the nearest valid one."""

    exit_code = 6


class StoreError(PollwatchError):
    """A case folder cannot be read or written."""

    exit_code = 3


class AccessError(PollwatchError):
    """Somebody asked the console for what their account may not do, or could not show who they are."""

    exit_code = 6


class EvidenceError(PollwatchError):
    """Evidence does not check out."""

    exit_code = 4


class ProofError(EvidenceError):
    """A Merkle proof, digest or container does not fit what it is said to prove."""


class SignatureError(EvidenceError):
    """A signature is missing, malformed or wrong, or its key is not acceptable."""


class RetiredKeyError(SignatureError):
    """A log's key signed what another key of that log signs: it was stolen, or its owner keeps two histories."""


class QuorumError(EvidenceError):
    """Too few of the right cosigners signed."""


class SplitError(EvidenceError):
    """Two signed views of one log contradict each other: a fork, with proof."""


class SharingError(PollwatchError):
    """Something between members went wrong."""

    exit_code = 5


class PolicyError(SharingError):
    """A charter, marking or release rule forbids this."""

    exit_code = 6


class PeerError(SharingError):
    """Another member cannot be reached, or answers with what the protocol does not allow."""
