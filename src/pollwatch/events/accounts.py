"""Account names that every guesser's word list holds: who tries them need not know anything about us."""

from __future__ import annotations

from typing import Final

WORDLIST_ACCOUNTS: Final = frozenset({
    "root", "admin", "administrator", "test", "guest", "user", "oracle", "postgres", "mysql", "ubuntu", "debian",
    "centos", "ec2-user", "pi", "ftp", "git", "nagios", "support", "www", "www-data", "web", "webmaster", "info",
    "demo", "default", "backup", "service", "ftpuser", "testuser", "deploy", "jenkins", "hadoop", "tomcat", "vagrant",
    "ansible", "operator", "sysadmin", "adm", "daemon", "nobody", "mail", "server", "dev", "ubnt", "cisco", "steam",
    "minecraft", "zabbix", "postmaster", "hostmaster", "sales", "contact", "office", "noreply", "no-reply",
    "newsletter", "marketing", "billing", "helpdesk", "scan", "scanner", "printer", "copier", "fax", "abuse", "hr",
    "accounts", "monitor", "sa", "anonymous", "toor", "gast", "it",
})  # fmt: skip


def in_wordlists(account: str) -> bool:
    """Whether an account's name, without its domain, is one that is tried everywhere."""
    return account.partition("@")[0].rstrip("0123456789").lower() in WORDLIST_ACCOUNTS
