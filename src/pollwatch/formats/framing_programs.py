"""Which further programs are understood behind a syslog tag, besides their log-ins: mail, FTP, databases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from pollwatch.clock import US_PER_S
from pollwatch.formats import framing_mail
from pollwatch.formats.framing import Shape, Value, remember
from pollwatch.formats.framing_ftp import FTP_SHAPE, FtpReader
from pollwatch.formats.framing_login import Login
from pollwatch.formats.framing_mail import MAIL_SHAPE, MailReader
from pollwatch.formats.framing_mysql import MysqlLines
from pollwatch.formats.framing_postgres import PostgresLines
from pollwatch.formats.framing_sql import DATABASE_SHAPE

_FTP = frozenset({"vsftpd", "pure-ftpd", "proftpd", "ftpd"})
_POSTGRES = frozenset({"postgres", "postgresql"})
_MYSQL = frozenset({"mysqld", "mariadbd", "mysql", "mariadb", "mysqld_safe", "mysql-server_auditing"})
_HOUR_US = 3_600 * US_PER_S
_MAX_REMEMBERED = 20_000


def understood(program: str) -> bool:
    """Whether it is one of the programs of which more than log-ins is understood."""
    return program in _FTP or program in _POSTGRES or program in _MYSQL or framing_mail.speaks(program) is not None


class Spoken(NamedTuple):
    """An event of another logsource than syslog's own."""

    shape: Shape
    values: dict[str, Value]


@dataclass(slots=True)
class Programs:
    """Reads one input's messages of such programs, in order."""

    _mail: MailReader = field(default_factory=MailReader)
    _ftp: FtpReader = field(default_factory=FtpReader)
    _mysql: MysqlLines = field(default_factory=MysqlLines)
    _postgres: PostgresLines = field(default_factory=PostgresLines)
    _submitted: dict[tuple[str | None, str, str | None], int] = field(default_factory=dict)

    def read(
        self, host: str | None, program: str | None, pid: int | None, message: str, time_us: int | None
    ) -> Spoken | Login | None:
        """What a message is that was no log-in by its words; None where it is none of these programs'."""
        if framing_mail.speaks(program) is not None:
            values = self._mail.read(host, program, message)
            return None if values is None else self._first_use(host, values, time_us) or Spoken(MAIL_SHAPE, values)
        if program in _FTP:
            ftp = self._ftp.read(message)
            return Spoken(FTP_SHAPE, ftp) if isinstance(ftp, dict) else ftp
        said: dict[str, Value] | Login | None = None
        if program in _POSTGRES:
            said = self._postgres.message((host, pid), message)
        elif program in _MYSQL:
            said = self._mysql.message(host, message)
        return Spoken(DATABASE_SHAPE, said) if isinstance(said, dict) else said

    def note(self, host: str | None, program: str | None, message: str) -> None:
        """A message that was a log-in by its words."""
        self._mail.note(host, program, message)

    def _first_use(self, host: str | None, values: dict[str, Value], time_us: int | None) -> Login | None:
        """Exim writes of no log-in that succeeded: the first mail of an account from an address stands for it."""
        user, ip = values.get("user"), values.get("src_ip")
        if values.get("action") != "received" or not isinstance(user, str) or time_us is None:
            return None
        key = (host, user, ip if isinstance(ip, str) else None)
        last = self._submitted.pop(key, None)
        remember(self._submitted, key, time_us, _MAX_REMEMBERED)
        if last is not None and abs(time_us - last) < _HOUR_US:
            return None
        return Login("success", user, None, key[2])
