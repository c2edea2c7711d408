"""The sentence that says why a rule fired."""

import pytest

from pollwatch.detect.why import Facts, sentence


@pytest.mark.parametrize(
    ("template", "count", "expected"),
    [
        ("{ip} asked for it in {count} requests, for example: {example}", 1, "in 1 request, for example: 1 requests"),
        ("{ip} asked for it in {count} requests, for example: {example}", 2, "in 2 requests, for example: 1 requests"),
        ("{distinct} addresses failed {count} times", 1, "1 address failed 1 time"),
        ("{distinct} addresses failed {count} times", 12, "1 address failed 12 times"),
        ("{count} severe alerts", 3, "3 severe alerts"),
    ],
)
def test_one_thing_is_told_in_the_singular(template: str, count: int, expected: str) -> None:
    """Nobody reads "1 requests"; what the attacker wrote stays as it is."""
    facts = Facts(count, 1, ("192.0.2.1",), (), (), "1 requests", None, None)
    assert sentence(template, "A rule", facts).endswith(expected)
