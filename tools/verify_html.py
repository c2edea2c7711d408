"""Make ``src/pollwatch/evidence/verify.html`` out of ``tools/verify_page.html``, the page as people write and read it.

Leaves out comments, indentation, empty lines and spaces beside signs, and shortens a few names, so that the page stays
below 60 KB; writes the hashes of its one script and one style sheet into its content security policy. Lines stay lines:
the two can be compared side by side. Run it after every change; a test fails where it was forgotten.
"""

import base64
import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "tools" / "verify_page.html"
PAGE = ROOT / "src" / "pollwatch" / "evidence" / "verify.html"
MAX_BYTES = 60 * 1024
_COMMENT = re.compile(r"//|/\*\*.*\*/$")
#: Strings, templates and regular expressions stay as they are; a division that looks like one loses nothing by it.
_ONE = r"\\.|\[(?:[^\]\\\n]|\\.)*\]"
_KEPT = rf'"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|/(?:[^/\\\n[ ]|{_ONE})(?:[^/\\\n[]|{_ONE})*/'
#: Names that stand often in the script, and nowhere as a part of what is read or shown.
_SHORT = {
    "each": "$",
    "fields": "F",
    "manifest": "M",
    "state": "S",
    "printable": "Q",
    "article": "A",
    "checkInclusion": "I",
    "commitment": "C",
    "MAX_BYTES": "B",
}
_SPACED = {
    "script": re.compile(rf"({_KEPT}|\b(?:{'|'.join(_SHORT)})\b)| *([{{}}()\[\],;:=<>+*/%&|?!-]) *"),
    "style": re.compile(r"((?!))| *([{};:,]) *"),
}


def made(source: str) -> str:
    """The page as it ships."""
    lines = [line.strip() for line in source.split("\n")]
    page = "".join(f"{line}\n" for line in lines if line and not _COMMENT.match(line))
    for tag, spaced in _SPACED.items():
        page = re.sub(
            rf"(?<=<{tag}>).*?(?=</{tag}>)",
            lambda body, spaced=spaced: spaced.sub(lambda found: _SHORT.get(found[1], found[1]) or found[2], body[0]),
            page,
            flags=re.DOTALL,
        )
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode("utf-8")).digest()).decode("ascii")
        page, count = re.subn(rf"{tag}-src '[^']*'", f"{tag}-src 'sha256-{digest}'", page, count=1)
        if count != 1:
            raise SystemExit(f"{SOURCE}: the policy has no {tag}-src")
    return page


if __name__ == "__main__":
    whole = made(SOURCE.read_text("utf-8"))
    PAGE.write_text(whole, "utf-8")
    print(f"{len(whole.encode('utf-8')):,} of {MAX_BYTES:,} bytes")
