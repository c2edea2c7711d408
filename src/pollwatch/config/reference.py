"""Every setting with its meaning: the reference page is made of this, and a test holds it against the readers."""

from __future__ import annotations

from typing import Final, get_args

from pollwatch.config.notifying import NOTIFY
from pollwatch.config.setting import Setting
from pollwatch.console.roles import Role
from pollwatch.election.vocabulary import KINDS, PHASES
from pollwatch.sources.settings import Kind

_SOURCE_WORDS = ", ".join(f"`{kind}`" for kind in get_args(Kind))
_KIND_WORDS = ", ".join(f"`{kind}`" for kind in KINDS)
_PHASE_WORDS = ", ".join(f"`{phase}`" for phase in PHASES)
_ROLE_WORDS = ", ".join(f"`{role.value}`" for role in Role)

SETTINGS: Final = (
    Setting("[[election]]", "name", "text, required", "What the election is called.", '"Municipal election"'),
    Setting("[[election]]", "jurisdiction", "text", "Where it is held; assets and phases may name it.", '"Alder"'),
    Setting("[[election]]", "zone", "IANA time zone; UTC", "Zone of all its times.", '"Europe/Amsterdam"'),
    Setting(
        "[[election]]", "day", "date", "Election day; may be left out where a time below has its date.", "2026-11-03"
    ),
    Setting(
        "[[election]]", "polls_open", "time or date with time; 07:00", "When polling begins.", "2026-11-03T07:30:00"
    ),
    Setting(
        "[[election]]", "polls_close", "time or date with time; 20:00", "When polling ends.", "2026-11-03T21:00:00"
    ),
    Setting(
        "[[election]]", "registration_deadline", "date or date with time", "Last moment to register.", "2026-10-20"
    ),
    Setting("[[election]]", "early_voting", "date or date with time", "When early voting begins.", "2026-10-26"),
    Setting("[[election]]", "certification", "date or date with time", "When results become final.", "2026-11-20"),
    Setting(
        "[[election.phase]]",
        "name",
        f"one of {_PHASE_WORDS}",
        "A phase whose dates are not the usual ones.",
        '"canvass"',
    ),
    Setting("[[election.phase]]", "jurisdiction", "text", "Where it holds; the election's own if left out.", '"Birch"'),
    Setting("[[election.phase]]", "start", "date or date with time, required", "When it begins.", "2026-11-04"),
    Setting(
        "[[election.phase]]",
        "end",
        "date or date with time, required",
        "When it ends; a date: with that day.",
        "2026-11-12",
    ),
    Setting("[[asset]]", "name", "text, required", "What people call the system.", '"results page"'),
    Setting("[[asset]]", "owner", "text", "Whom to call.", '"Alder Commission"'),
    Setting("[[asset]]", "kind", f"one of {_KIND_WORDS}", "What it is for.", f'"{KINDS[0]}"'),
    Setting(
        "[[asset]]",
        "appears_as",
        "list of host names, addresses, networks, paths; required",
        "How logs name it. A log's own path is written `path:/var/log/x`.",
        '["results.alder.example", "192.0.2.0/28"]',
    ),
    Setting("[[asset]]", "critical_phases", "list of phases", "When it matters most.", f'["{PHASES[-1]}"]'),
    Setting("[[asset]]", "jurisdiction", "text", "Whose elections it serves; all if left out.", '"Alder"'),
    Setting(
        "[[announced]]", "name", "text, required", "A security test that somebody was asked to make.", '"yearly test"'
    ),
    Setting(
        "[[announced]]",
        "addresses",
        "list of addresses and networks; required",
        "Where it comes from. What these do in that time is told as low, unless it works.",
        '["192.0.2.17"]',
    ),
    Setting("[[announced]]", "start", "date or date with time, required", "When it begins.", "2026-10-05"),
    Setting(
        "[[announced]]",
        "end",
        "date or date with time, required",
        "When it is over; a date: with that day.",
        "2026-10-07",
    ),
    Setting("[[announced]]", "zone", "IANA time zone; UTC", "Zone of these times.", '"Europe/Amsterdam"'),
    Setting("[[canary]]", "name", "text, required", "What it is, for people.", '"account in the old handbook"'),
    Setting(
        "[[canary]]",
        "appears_as",
        "list of texts of at least 5 letters; required",
        "A name that nobody should ever use, as logs would show it: an account, a path, a number. Where it appears as "
        "a whole word in any log, that is an incident.",
        '["svc_reports_old", "/internal/voters-2019.bak"]',
    ),
    Setting(
        "[[source]]",
        "path",
        "path, folder or pattern; required",
        "Which inputs; relative to this file. `**` crosses folders, `-` is stdin. The first that fits counts.",
        '"/var/log/nginx/*.log*"',
    ),
    Setting("[[source]]", "format", "`NAME` or `NAME:DEFINITION`", "How to read them, as `--format`.", '"weblog"'),
    Setting("[[source]]", "zone", "IANA time zone", "Zone of times that name none.", '"Europe/Amsterdam"'),
    Setting(
        "[watch]",
        "health",
        "address and port, or `none`; 127.0.0.1:9464",
        "Where `pollwatch watch` serves `/healthz` and `/metrics`.",
        '"127.0.0.1:9464"',
    ),
    Setting(
        "[watch]",
        "spool_mib",
        "whole number, at least 64; 1024",
        "How many MiB of each received source are kept until they are read. Then senders have to wait; what comes by "
        "UDP is lost, and counted.",
        "4096",
    ),
    Setting(
        "[[watch.source]]",
        "name",
        "small letters, digits, `-` and `_`; required",
        "What the source is called, and its folder in the spool.",
        '"web"',
    ),
    Setting("[[watch.source]]", "kind", f"one of {_SOURCE_WORDS}; files", "How it comes in.", '"syslog-tls"'),
    Setting(
        "[[watch.source]]",
        "path",
        "path, folder or pattern, or a list of them; `files` only, required there",
        "What is followed; relative to this file. Rotated files of the same log are found beside it.",
        '["/var/log/nginx/access.log"]',
    ),
    Setting(
        "[[watch.source]]",
        "begin",
        "`all`, `file` or `end`; file",
        "Where reading begins the first time: with the rotated files too, with the file, or at its end.",
        '"all"',
    ),
    Setting(
        "[[watch.source]]",
        "listen",
        "address and port; required for what comes by the network",
        "Where to listen.",
        '"0.0.0.0:6514"',
    ),
    Setting("[[watch.source]]", "certificate", "PEM file", "Certificate chain, to end TLS here.", '"tls/chain.pem"'),
    Setting("[[watch.source]]", "key", "PEM file", "Key of the certificate.", '"tls/key.pem"'),
    Setting(
        "[[watch.source]]",
        "client_ca",
        "PEM file; `syslog-tls`",
        "Only senders that show a certificate signed by one of these may connect.",
        '"tls/clients.pem"',
    ),
    Setting(
        "[[watch.source]]",
        "token",
        "file; required for `http`",
        "Tokens that may push, one a line, each of at least 20 letters. Only its owner may read it. As with `key`, "
        "`credential:NAME` is what systemd hands over (`LoadCredential`).",
        '"tokens/web.txt"',
    ),
    Setting(
        "[[watch.source]]",
        "units",
        "list of systemd units; `journald`",
        "Whose messages; all if left out.",
        '["ssh.service", "nginx.service"]',
    ),
    Setting("[[watch.source]]", "format", "`NAME` or `NAME:DEFINITION`", "How to read it, as `--format`.", '"weblog"'),
    Setting("[[watch.source]]", "zone", "IANA time zone", "Zone of times that name none.", '"Europe/Amsterdam"'),
    Setting(
        "[[watch.source]]",
        "silent_after",
        "time such as `15m` or `6h`, `auto`, or `never`; auto",
        "After how long a silence the source counts as dead. `auto`: by its own habit at this hour of the week.",
        '"15m"',
    ),
    Setting(
        "[node]", "case", "folder", "The case folder where `--case` is not given; relative to this file.", '"case"'
    ),
    Setting("[node]", "name", "text", "This member's name in the joint watch.", '"alder"'),
    Setting("[node]", "bloc", "text", "The members that it would side with.", '"government"'),
    Setting(
        "[node]",
        "fields",
        "names; ip time user",
        "What `scan --case` seals of each line so that it can be shown alone (`seal export --field`): "
        "`ip`, `time`, `user` and columns of events, at most 8; `none` for none. For what is sealed from then on.",
        '"ip time user cs-uri-stem"',
    ),
    Setting(
        "[console]",
        "origin",
        "address",
        "How browsers call the console, where it is not reached under the address that it listens on; with a name, not "
        "a number, or passkeys cannot be used.",
        '"https://watch.alder.example"',
    ),
    Setting("[console]", "idle_minutes", "5 to 1440; 60", "After which a session that is not used ends.", "30"),
    Setting("[console]", "session_hours", "1 to 168; 12", "After which every session ends.", "8"),
    Setting(
        "[console]",
        "second_factor",
        f"list of {_ROLE_WORDS}; lead, analyst",
        "Roles that need a passkey, or six digits from a telephone beside their password.",
        '["lead", "analyst", "clerk"]',
    ),
    Setting(
        "[console.oidc]",
        "issuer",
        "address, required",
        "An identity provider (OpenID Connect) at which people may sign in; exactly as it names itself.",
        '"https://id.alder.example/realms/office"',
    ),
    Setting("[console.oidc]", "client_id", "text, required", "What it calls this console.", '"pollwatch"'),
    Setting(
        "[console.oidc]",
        "client_secret_file",
        "file",
        "Holds the console's secret there, on one line; relative to this file. Left out: a public client.",
        '"oidc-secret"',
    ),
    Setting("[console.oidc]", "label", "text; the issuer's host", "What the button says.", '"Alder account"'),
    Setting("[console.oidc]", "scopes", "list of texts", "What is asked for beside `openid`.", '["profile", "groups"]'),
    Setting("[console.oidc]", "claim", "text; groups", "Which claim names the groups that roles come from.", '"roles"'),
    Setting(
        "[console.oidc.roles]",
        "GROUP",
        f"one of {_ROLE_WORDS}; at least one",
        "The role of whoever is in that group; of several the first line that fits. Who is in none is not let in.",
        '"lead"',
    ),
    *NOTIFY,
)

_WHERE: Final = (
    "Looked for in the working directory, then `$XDG_CONFIG_HOME/pollwatch/`, then `/etc/pollwatch/`. With "
    "`--config FILE` or `POLLWATCH_CONFIG`, only that file is read. A flag wins over an environment variable "
    "(`POLLWATCH_NODE_CASE` is `case` of `[node]`), and that wins over the files. Lists come whole from the "
    "first file that has any. A key that is not below is an error."
)


def reference() -> str:
    """The reference page of ``pollwatch.toml``, as Markdown."""
    parts = [
        "# Settings: `pollwatch.toml`",
        "",
        _WHERE,
        "",
        "`pollwatch config show --origin` says where each setting comes from; `pollwatch config check` reads all.",
        "",
    ]
    for section in dict.fromkeys(setting.section for setting in SETTINGS):
        parts += [
            f"## `{section}`",
            "",
            "| key | what may stand there | meaning | example |",
            "| --- | --- | --- | --- |",
        ]
        parts += [
            f"| `{setting.key}` | {setting.kind} | {setting.meaning} | `{setting.example}` |"
            for setting in SETTINGS
            if setting.section == section
        ]
        parts.append("")
    return "\n".join(parts)
