"""What web application firewalls say about a request, in one vocabulary: Cloudflare, AWS, Azure, Google.

Their records are those of requests with a verdict beside: it stands in the columns ``waf-action`` (``block``,
``challenge``, ``log`` or ``allow``), ``waf-rule`` and ``waf-message`` of the request.

Sources: Cloudflare Logpush (datasets "HTTP requests", "Firewall events"), AWS WAF ("Log fields"), Azure ("Application
Gateway firewall log", "Front Door WAF logs"), Google Cloud Armor ("Request logging").
"""

from __future__ import annotations

from typing import Any

from pollwatch.formats.accessline import Fields

ACTION = "waf-action"
RULE = "waf-rule"
MESSAGE = "waf-message"

_WORDS = {
    "block": "block blocked deny denied drop dropped reset reject rejected",
    "challenge": "challenge managed_challenge managedchallenge js_challenge jschallenge jschallenge captcha redirect",
    "log": "log logged simulate count detected detect matched alert monitor anomalyscoring",
    "allow": "allow allowed accept skip bypass pass",
}
_VERDICTS = {word: verdict for verdict, words in _WORDS.items() for word in words.split()}
_MOST_HEADERS = 256


def settle_verdict(fields: Fields) -> None:
    """Say the verdict in one vocabulary; drop it where an ``action`` is none: applications have actions too."""
    verdict = _VERDICTS.get((fields.pop(ACTION, None) or "").lower())
    if verdict is None or RULE not in fields:
        fields.pop(RULE, None)
        fields.pop(MESSAGE, None)
    else:
        fields[ACTION] = verdict


def named_values(listed: list[Any]) -> Any:  # noqa: ANN401 - any JSON value
    """``[{"name": "Host", "value": "votes.example"}]``, as AWS lists headers, as an object; other lists as they are."""
    pairs = [each for each in listed[:_MOST_HEADERS] if isinstance(each, dict)]
    named = {each["name"]: each["value"] for each in pairs if isinstance(each.get("name"), str) and "value" in each}
    return named or listed
