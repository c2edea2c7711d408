"""Which Sigma logsource a Windows event is: by channel and event id, as pySigma's pipelines and Sigma's guide have it.

An event has one logsource with all that is known of it: a Security event 4688 is ``process_creation/windows/security``,
and both rules for process creation and rules for the Security log cover it. What Sigma calls by several names
(``registry_event``) is told where rules are routed.
"""

from __future__ import annotations

from functools import lru_cache

from pollwatch.events.batch import LogSource

PRODUCT = "windows"
SECURITY = "security"
SYSMON = "sysmon"

_MICROSOFT = "microsoft-windows-"
_CHANNELS = {
    SECURITY: "security",
    "system": "system",
    "application": "application",
    "powershell-classic": "windows powershell",
    "dns-server": "dns server",
    "msexchange-management": "msexchange management",
    "openssh": "openssh/operational",
    "microsoft-servicebus-client": "microsoft-servicebus-client",
    # Behind "Microsoft-Windows-":
    SYSMON: "*sysmon/operational",
    "taskscheduler": "*taskscheduler/operational",
    "wmi": "*wmi-activity/operational",
    "windefend": "*windows defender/operational",
    "firewall-as": "*windows firewall with advanced security/firewall",
    "dns-server-audit": "*dns-server/audit",
    "dns-server-analytic": "*dns-server/analytical",
    "driver-framework": "*driverframeworks-usermode/operational",
    "ntlm": "*ntlm/operational",
    "dhcp": "*dhcp-server/operational",
    "printservice-admin": "*printservice/admin",
    "printservice-operational": "*printservice/operational",
    "bits-client": "*bits-client/operational",
    "codeintegrity-operational": "*codeintegrity/operational",
    "terminalservices-localsessionmanager": "*terminalservices-localsessionmanager/operational",
    "terminalservices-remoteconnectionmanager": "*terminalservices-remoteconnectionmanager/operational",
    "smbclient-security": "*smbclient/security",
    "smbclient-connectivity": "*smbclient/connectivity",
    "smbserver-connectivity": "*smbserver/connectivity",
    "ldap": "*ldap-client/debug",
    "diagnosis-scripted": "*diagnosis-scripted/operational",
    "shell-core": "*shell-core/operational",
    "bitlocker": "*bitlocker/bitlocker management",
    "vhdmp": "*vhdmp/operational",
    "appxdeployment-server": "*appxdeploymentserver/operational",
    "appxpackaging-om": "*appxpackaging/operational",
    "appmodel-runtime": "*appmodel-runtime/admin",
    "lsa-server": "*lsa/operational",
    "capi2": "*capi2/operational",
    "certificateservicesclient-lifecycle-system": "*certificateservicesclient-lifecycle-system/operational",
    "iis-configuration": "*iis-configuration/operational",
}
_SERVICES = {channel.replace("*", _MICROSOFT): service for service, channel in _CHANNELS.items()} | {
    f"{_MICROSOFT}powershell/operational": "powershell",
    "powershellcore/operational": "powershell",
    f"{_MICROSOFT}dnsserver/audit": "dns-server-audit",
    f"{_MICROSOFT}dnsserver/analytical": "dns-server-analytic",
    f"{_MICROSOFT}dns-client/operational": "dns-client",
    f"{_MICROSOFT}dns client events/operational": "dns-client",
    f"{_MICROSOFT}applocker/exe and dll": "applocker",
    f"{_MICROSOFT}applocker/msi and script": "applocker",
    f"{_MICROSOFT}applocker/packaged app-deployment": "applocker",
    f"{_MICROSOFT}applocker/packaged app-execution": "applocker",
    f"{_MICROSOFT}security-mitigations/kernel mode": "security-mitigations",
    f"{_MICROSOFT}security-mitigations/kernelmode": "security-mitigations",
    f"{_MICROSOFT}security-mitigations/user mode": "security-mitigations",
    f"{_MICROSOFT}security-mitigations/usermode": "security-mitigations",
}

_CATEGORIES = {
    (SYSMON, 1): "process_creation",
    (SYSMON, 2): "file_change",
    (SYSMON, 3): "network_connection",
    (SYSMON, 4): "sysmon_status",
    (SYSMON, 5): "process_termination",
    (SYSMON, 6): "driver_load",
    (SYSMON, 7): "image_load",
    (SYSMON, 8): "create_remote_thread",
    (SYSMON, 9): "raw_access_thread",
    (SYSMON, 10): "process_access",
    (SYSMON, 11): "file_event",
    (SYSMON, 12): "registry_add",  # or registry_delete
    (SYSMON, 13): "registry_set",
    (SYSMON, 14): "registry_rename",
    (SYSMON, 15): "create_stream_hash",
    (SYSMON, 16): "sysmon_status",
    (SYSMON, 17): "pipe_created",
    (SYSMON, 18): "pipe_created",
    (SYSMON, 19): "wmi_event",
    (SYSMON, 20): "wmi_event",
    (SYSMON, 21): "wmi_event",
    (SYSMON, 22): "dns_query",
    (SYSMON, 23): "file_delete",
    (SYSMON, 24): "clipboard_capture",
    (SYSMON, 25): "process_tampering",
    (SYSMON, 26): "file_delete_detected",
    (SYSMON, 27): "file_block_executable",
    (SYSMON, 28): "file_block_shredding",
    (SYSMON, 29): "file_executable_detected",
    (SYSMON, 255): "sysmon_error",
    (SECURITY, 4657): "registry_set",
    (SECURITY, 4688): "process_creation",
    (SECURITY, 4689): "process_termination",
    (SECURITY, 5156): "network_connection",
    ("powershell", 4103): "ps_module",
    ("powershell", 4104): "ps_script",
    ("powershell-classic", 400): "ps_classic_start",
    ("powershell-classic", 600): "ps_classic_provider_start",
    ("powershell-classic", 800): "ps_module",
}
_REGISTRY = {"registry_add", "registry_set"}
_DELETED = ("Delete", "%%1906")


@lru_cache(maxsize=1024)
def logsource(channel: str, event_id: int | None, done: str = "") -> LogSource:
    """The logsource of an event; an unknown channel has no service.

    Args:
        channel: as logged, in any case.
        event_id: None where the record has none that is a number.
        done: what the event says was done to a registry key: Sysmon's ``EventType``, Security's ``OperationType``.
    """
    service = _SERVICES.get(channel.strip().lower(), "")
    category = "" if event_id is None else _CATEGORIES.get((service, event_id), "")
    if category in _REGISTRY and done.startswith(_DELETED):
        category = "registry_delete"
    return LogSource(category=category, product=PRODUCT, service=service)
