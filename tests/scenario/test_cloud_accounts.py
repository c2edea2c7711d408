"""Accounts in cloud services: what becomes of a stolen one, and of an administrator at work, from file to incident."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path
from typing import Any

import pytest

from pollwatch.canonical import compact, pretty
from pollwatch.detect.engine import Engine
from pollwatch.detect.sigma.samples import START
from pollwatch.events.block import LineBlock
from pollwatch.events.detection import Severity
from pollwatch.formats import registry
from pollwatch.formats.interface import Format, ParseContext
from pollwatch.incidents.incident import Incident
from pollwatch.node.case.scan import ScanOptions, scan
from pollwatch.sources.files import expand

SIGMA = Path(__file__).parents[3] / "shared" / "data" / "sigma-rules" / "rules"
GOLDEN = Path(__file__).parents[1] / "contract" / "golden"
CLERK, ADMIN = "clerk@county.example", "admin@county.example"
HOME, AWAY = "192.0.2.10", "203.0.113.66"


def at(minutes: float) -> str:
    """A time, counted from an election evening."""
    return (START + dt.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def sign_in(minutes: float, code: int, ip: str = AWAY, country: str = "NL", user: str = CLERK) -> dict[str, Any]:
    """A log-in, as Microsoft Graph tells it."""
    return {
        "createdDateTime": at(minutes), "userPrincipalName": user, "appId": "a", "appDisplayName": "Mail",
        "ipAddress": ip, "userAgent": "Edge/130" if ip == HOME else "Firefox/128", "clientAppUsed": "Browser",
        "status": {"errorCode": code, "failureReason": ""}, "location": {"countryOrRegion": country},
    }  # fmt: skip


def audit(minutes: float, activity: str, ip: str, user: str, **changed: str) -> dict[str, Any]:
    """A change to the directory, as Microsoft Graph tells it."""
    properties = [{"displayName": name.replace("_", "."), "newValue": f'"{value}"'} for name, value in changed.items()]
    return {
        "activityDateTime": at(minutes), "activityDisplayName": activity, "result": "success", "category": "x",
        "initiatedBy": {"user": {"userPrincipalName": user, "ipAddress": ip}},
        "targetResources": [{"type": "User", "userPrincipalName": CLERK, "modifiedProperties": properties}],
    }  # fmt: skip


def mail(minutes: float, operation: str, ip: str, user: str, **parameters: str) -> dict[str, Any]:
    """A deed in Microsoft 365, as its audit log tells it."""
    return {
        "CreationTime": at(minutes), "Operation": operation, "RecordType": 1, "Workload": "Exchange", "UserId": user,
        "ClientIP": ip, "ResultStatus": "True", "ObjectId": f"x{minutes}",
        "Parameters": [{"Name": name, "Value": value} for name, value in parameters.items()],
    }  # fmt: skip


def aws(minutes: float, name: str, source: str, ip: str, user: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A call of AWS, as CloudTrail tells it."""
    arn = f"arn:aws:iam::111122223333:user/{user}"
    return {
        "eventTime": at(minutes), "eventName": name, "eventSource": f"{source}.amazonaws.com", "sourceIPAddress": ip,
        "userAgent": "aws-cli/2.15", "eventType": "AwsApiCall", "requestParameters": None, "responseElements": None,
        "userIdentity": {"type": "IAMUser", "arn": arn, "userName": user, "accessKeyId": "AKIAEXAMPLE"}, **more,
    }  # fmt: skip


def incidents(*files: Path) -> tuple[Incident, ...]:
    """What a scan of the files shows."""
    found, failures = expand(list(map(str, files)))
    assert not failures
    result = scan(found, ScanOptions())
    assert [each.quarantined for each in result.inputs] == [0] * len(files)
    return result.incidents


def test_stolen_account_is_one_incident_over_all_logs(tmp_path: Path) -> None:
    """Pestering for a second factor, a log-in, a new factor, consent, a hidden rule, a mass download: one incident."""
    home = [sign_in(-60 * hours, 0, HOME, "DE") for hours in range(96, 0, -8)]
    entra = [
        *home,
        *(sign_in(minute, 500121) for minute in range(6)),
        sign_in(7, 0),
    ]
    changes = [
        audit(9, "User registered security info", AWAY, CLERK),
        audit(12, "Consent to application", AWAY, CLERK, ConsentAction_Permissions="Scope: Mail.ReadWrite"),
    ]
    deeds = [
        mail(15, "New-InboxRule", AWAY, CLERK, Name=".", DeleteMessage="True"),
        *(mail(20 + n / 30, "FileDownloaded", AWAY, CLERK) for n in range(220)),
    ]
    (tmp_path / "sign-ins.json").write_text(compact({"value": entra}))
    (tmp_path / "audit.json").write_text(pretty(changes))
    (tmp_path / "m365.json").write_text("\n".join(map(compact, deeds)))
    found = [each for each in incidents(*sorted(tmp_path.iterdir())) if each.severity >= Severity.MEDIUM]
    assert len(found) == 1
    assert found[0].severity >= Severity.HIGH
    assert found[0].actors.ip == (AWAY,)
    assert found[0].actors.user == (CLERK,)
    assert {"T1621", "T1098.005", "T1564.008", "T1528", "T1078"} <= set(found[0].techniques)
    assert "detector.account_new_place" in {rule.id for rule in found[0].rules}


def test_administrator_at_work_is_nothing_grave(tmp_path: Path) -> None:
    """New staff, a lost telephone, a changed policy, a cleared trail: shown where it matters, never as an intrusion."""
    entra = [
        *(sign_in(-60 * hours, 0, HOME, "DE", ADMIN) for hours in range(96, 0, -8)),
        sign_in(1, 50126, HOME, "DE", ADMIN),
        sign_in(2, 500121, HOME, "DE", ADMIN),
        sign_in(3, 0, HOME, "DE", ADMIN),
        audit(5, "Add user", HOME, ADMIN),
        audit(6, "Add member to role", HOME, ADMIN, Role_DisplayName="User Administrator"),
        audit(7, "Disable Strong Authentication", HOME, ADMIN),
        audit(8, "User registered security info", HOME, CLERK),
        audit(9, "Update conditional access policy", HOME, ADMIN),
        audit(10, "Add service principal credentials", HOME, ADMIN),
    ]
    deeds = [
        mail(12, "Set-Mailbox", HOME, ADMIN, Identity="clerk", ForwardingAddress="deputy@county.example"),
        mail(13, "New-InboxRule", HOME, CLERK, Name="Newsletters", MoveToFolder="Newsletters"),
        mail(14, "Add-MailboxPermission", HOME, ADMIN, Identity="info", AccessRights="FullAccess"),
        *(mail(20 + n, "FileDownloaded", HOME, CLERK) for n in range(60)),
    ]
    trail = [
        aws(30, "CreateUser", "iam", HOME, "admin", requestParameters={"userName": "new"}),
        aws(31, "CreateAccessKey", "iam", HOME, "admin", requestParameters={"userName": "new"}),
        aws(32, "DeleteTrail", "cloudtrail", HOME, "admin", requestParameters={"name": "old"}),
        *(
            aws(40 + n, "GetSecretValue", "secretsmanager", HOME, "app", requestParameters={"secretId": "db"})
            for n in range(40)
        ),
    ]
    for name, records in (("entra", entra), ("m365", deeds), ("aws", trail)):
        (tmp_path / f"{name}.json").write_text("\n".join(map(compact, records)))
    found = incidents(*sorted(tmp_path.iterdir()))
    assert [each.title for each in found if each.severity >= Severity.HIGH] == []


def test_stolen_key_of_aws_in_a_delivered_file(tmp_path: Path) -> None:
    """A found key is tried, the log switched off, an administrator made: seen in a file as CloudTrail delivers it."""
    denied = {"errorCode": "AccessDenied"}
    tried = [("ListUsers", "iam"), ("ListBuckets", "s3"), ("ListSecrets", "secretsmanager"), ("ListKeys", "kms")]
    records = [
        aws(0, "GetCallerIdentity", "sts", AWAY, "backup"),
        *(aws(1 + n, name, source, AWAY, "backup", **denied) for n, (name, source) in enumerate(tried)),
        aws(10, "ListFunctions20150331", "lambda", AWAY, "backup", **denied),
        aws(12, "StopLogging", "cloudtrail", AWAY, "backup", requestParameters={"name": "all"}),
        aws(13, "AttachUserPolicy", "iam", AWAY, "backup",
            requestParameters={"userName": "backup", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    ]  # fmt: skip
    path = tmp_path / "111122223333_CloudTrail_eu-central-1_20261103T2005Z_x.json.gz"
    path.write_bytes(gzip.compress(compact({"Records": records}).encode()))
    (found,) = incidents(path)
    assert found.severity >= Severity.MEDIUM
    assert found.actors.user == ("arn:aws:iam::111122223333:user/backup",)
    assert {"T1685.002", "T1098.003"} <= set(found.techniques)
    assert len(found.lines) == len(records)


@pytest.mark.skipif(not SIGMA.exists(), reason="no ../shared: the rules of SigmaHQ are not part of the project")
def test_rules_of_sigmahq_find_their_fields() -> None:
    """SigmaHQ's rules for cloud services fire on our golden logs of them: the names are those that they ask for."""
    engine = Engine.load([SIGMA / "cloud", SIGMA / "identity", SIGMA / "application" / "github"], shipped=False)
    fired: dict[str, set[str]] = {}
    for path in sorted(GOLDEN.glob("*/*.in.log")):
        name = path.parent.name
        if name not in {"cloudtrail", "azure", "m365", "google", "okta", "duo", "github"}:
            continue
        chosen, _definition = registry.by_name(name)
        fired.setdefault(name, set()).update(_fired(engine, chosen, path))
    assert sorted(fired) == ["azure", "cloudtrail", "duo", "github", "google", "m365", "okta"]
    assert all(fired.values()), fired
    assert len(set().union(*fired.values())) >= 20


def _fired(engine: Engine, chosen: Format, path: Path) -> set[str]:
    """Titles of the rules that fit a line of a golden log."""
    lines = path.read_text(encoding="utf-8").splitlines()
    block = LineBlock(path.name, 1, [line.encode() for line in lines], lines)
    batches = chosen.parser(ParseContext(path.name, 0)).parse(block).batches
    hits = (hit for batch in batches for hit in engine.match(batch).hits)
    return {rule.info.title for hit in hits if (rule := engine.rule(hit.rule_id)) is not None}
