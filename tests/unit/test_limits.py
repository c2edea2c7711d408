"""Buckets, lanes and addresses: what a caller gets, and that memory stays bounded whoever asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.sharing.limits import Buckets, Lanes, Rate, neighbourhood
from pollwatch.sharing.replay import TooManyRequestsError


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    """Ten at once, then two a second; what is said to be the wait is the wait."""
    buckets = Buckets(Rate(2, 10))
    assert [buckets.take("a", 0) for _each in range(10)] == [0] * 10
    wait_s = buckets.take("a", 0)
    assert wait_s == 0.5
    assert buckets.take("a", wait_s - 0.01) > 0
    assert buckets.take("a", wait_s) == 0
    assert buckets.take("b", wait_s) == 0  # another's is full


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 3)), max_size=300))
def test_nobody_gets_more_than_rate_and_burst(asked: list[tuple[str, float]]) -> None:
    """Attack 8: over any time, whoever asks however often gets at most the burst and what was added since."""
    buckets = Buckets(Rate(2, 5))
    now_s, taken = 0.0, {"a": 0, "b": 0}
    for key, pause_s in asked:
        now_s += pause_s
        taken[key] += not buckets.take(key, now_s)
        assert taken[key] <= 5 + 2 * now_s + 1e-6


def test_attack_8_a_million_addresses() -> None:
    """Attack 8: however many addresses ask, memory is bounded, and whoever used its bucket up does not get it back."""
    buckets = Buckets(Rate(1, 2), most=100)
    assert [buckets.take("greedy", 0) for _each in range(3)] == [0, 0, 1]
    for number in range(1000):
        buckets.take(str(number), 0.5)
    assert len(buckets._filled) <= 101  # noqa: SLF001 - that it is bounded
    assert buckets.take("greedy", 0.5) > 0
    assert buckets.take("late", 0.5) > 0  # newcomers share one, and it is used up
    assert buckets.take("late", 60) == 0


def test_a_lane_has_so_many_places() -> None:
    """A place is taken in all lanes or in none, and given back in all."""
    lanes = Lanes()
    own, shared = ("a", 1), ("strangers", 2)
    lanes.enter(own, shared)
    with pytest.raises(TooManyRequestsError):
        lanes.enter(own, shared)
    lanes.enter(("b", 1), shared)
    with pytest.raises(TooManyRequestsError):
        lanes.enter(("c", 1), shared)
    lanes.leave(own, shared)
    lanes.enter(("c", 1), shared)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_one_ipv6_host_counts_once(address: str, counted: str) -> None:
    """Attack 8: whoever has a /64 to itself has no 2^64 buckets for that."""
    assert neighbourhood(address) == counted
