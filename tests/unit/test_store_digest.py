from __future__ import annotations

import hashlib

from pollwatch.store.digest import Content, ContentDigest


def _content(data: bytes) -> Content:
    return Content(len(data), hashlib.sha256(data).hexdigest())


def test_digest_is_sha256_however_the_content_is_cut() -> None:
    """The digest of chunks is the digest of the whole."""
    digest = ContentDigest()
    for chunk in (b"a", b"", b"bc\n", memoryview(b"d")):
        digest.update(chunk)
    assert digest.content == _content(b"abc\nd")
    assert digest.grown_from == ""


def test_a_grown_log_is_told_from_its_shorter_self_whatever_the_chunks() -> None:
    """The longest earlier content that is a proper prefix is what a content has grown from."""
    earlier = [_content(b"one\n"), _content(b"one\ntwo\n"), _content(b"other\n"), _content(b"")]
    whole = b"one\ntwo\nthree\n"
    for size in range(1, len(whole) + 1):
        digest = ContentDigest(earlier)
        for start in range(0, len(whole), size):
            digest.update(whole[start : start + size])
        assert digest.grown_from == _content(b"one\ntwo\n").digest


def test_equal_content_has_not_grown() -> None:
    """Content that is an earlier one is that one, not a continuation of it."""
    digest = ContentDigest([_content(b"one\n"), _content(b"one\ntwo\n")])
    digest.update(b"one\ntwo\n")
    assert digest.grown_from == ""
    assert digest.content == _content(b"one\ntwo\n")


def test_a_log_rewritten_at_its_beginning_is_not_a_continuation() -> None:
    """An attacker who edits old lines and appends new ones makes another input, not a grown one."""
    digest = ContentDigest([_content(b"one\n")])
    digest.update(b"One\ntwo\n")
    assert digest.grown_from == ""
