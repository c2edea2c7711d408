"""systemd units of a watch: two services that may do nothing but watch, and receive."""

from __future__ import annotations

from typing import Final

_SANDBOX: Final = """\
User=pollwatch
DynamicUser=yes
StateDirectory=pollwatch
StateDirectoryMode=0700
CacheDirectory=pollwatch
CacheDirectoryMode=0700
ConfigurationDirectory=pollwatch
Environment=XDG_CACHE_HOME=/var/cache/pollwatch
WorkingDirectory=/var/lib/pollwatch
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
LimitNOFILE=65536
"""

_WATCH: Final = """\
# /etc/systemd/system/pollwatch.service
[Unit]
Description=pollwatch, the election watch
Wants=network-online.target pollwatch-receive.service
After=network-online.target pollwatch-receive.service
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} watch --case /var/lib/pollwatch/case --config /etc/pollwatch/pollwatch.toml
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2
SuccessExitStatus=143
TimeoutStopSec=120
WatchdogSec=180
# Groups that may read the logs that are followed.
SupplementaryGroups=adm
CapabilityBoundingSet=
# Rules are compiled to machine code as they are loaded, so MemoryDenyWriteExecute= would stop the watch.
{sandbox}
[Install]
WantedBy=multi-user.target
"""

_RECEIVE: Final = """\
# /etc/systemd/system/pollwatch-receive.service
# Receives while the watch is restarted or upgraded; not needed where nothing is received.
[Unit]
Description=pollwatch, receiving logs
PartOf=pollwatch.service
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={program} receive --case /var/lib/pollwatch/case --config /etc/pollwatch/pollwatch.toml
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
SuccessExitStatus=143
TimeoutStopSec=30
# The journal, where a source has kind = "journald".
SupplementaryGroups=systemd-journal
# Ports below 1024, as 514.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
# Secrets stay root's; the settings name them as credential:push-token and credential:tls-key.
#LoadCredential=push-token:/etc/pollwatch/push-token
#LoadCredential=tls-key:/etc/pollwatch/tls-key.pem
MemoryDenyWriteExecute=yes
{sandbox}
[Install]
WantedBy=multi-user.target
"""


def watch(program: str) -> str:
    """The watch's unit.

    Args:
        program: absolute path of ``pollwatch``.
    """
    return _WATCH.format(program=_quoted(program), sandbox=_SANDBOX)


def receive(program: str) -> str:
    """The receivers' unit.

    Args:
        program: absolute path of ``pollwatch``.
    """
    return _RECEIVE.format(program=_quoted(program), sandbox=_SANDBOX)


def _quoted(program: str) -> str:
    """As systemd reads it: specifiers mean nothing, spaces do not divide."""
    return '"' + program.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'
