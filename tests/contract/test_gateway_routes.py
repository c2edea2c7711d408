"""The reference of the gateway's routes names every route that there is, with its methods, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.routing import Route

import joint_scenes
from pollwatch.clock import SystemClock
from pollwatch.node.gateway.app import Gateway
from pollwatch.node.gateway.gatewayfolder import GatewayMembership

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "gateway.md"
#: Methods that every route which can be read answers as well.
ALIKE = {"HEAD", "OPTIONS"}


def test_the_reference_is_what_the_gateway_answers(tmp_path: Path) -> None:
    """Each route in the application stands in the tables with the same methods, and each row is a route."""
    a, _b = joint_scenes.enrolled(tmp_path, "ab", SystemClock())
    gateway = Gateway(GatewayMembership.open(a.folder.gateway, SystemClock().now_us()), SystemClock())
    there = {}
    for route in gateway.routes():
        assert isinstance(route, Route)
        there[re.sub(r":\w+}", "}", route.path)] = (route.methods or set()) - ALIKE
    written = {}
    for paths, methods in re.findall(r"^\| (`/[^|]*) \| ([A-Z, ]*)\|", PAGE.read_text("utf-8"), re.MULTILINE):
        for path in re.findall(r"`([^`]+)`", paths):
            written[path] = set(methods.replace(",", " ").split())
    assert written == there
