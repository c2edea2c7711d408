"""Writes docs/reference from the code; with ``--check`` only says what is out of date (and then exits with 1).

Every command, option, setting, format, column, rule and exit code is documented here because it exists, not because
somebody remembered. A command or option without help text is an error.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import click

from pollwatch import errors
from pollwatch.cli.main import VERBS, root
from pollwatch.detect.engine import Engine
from pollwatch.detect.sigma.load import SHIPPED
from pollwatch.detect.sigma.plan import RuleInfo
from pollwatch.events import taxonomy
from pollwatch.formats import registry
from pollwatch.incidents.export import SCHEMA_FILES, schema

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
NOTE = "<!-- Generated from the code by `make docs`; do not edit. -->\n"


def cli_page() -> str:
    """Every verb with its arguments and options."""
    parts = ["# Command line", "", "`pollwatch VERB --help` says the same.", ""]
    context = click.Context(root, info_name="pollwatch")
    for name in VERBS:
        command = root.get_command(context, name)
        assert command is not None, name
        parts += list(_command(f"pollwatch {name}", command, context))
    return "\n".join(parts)


def _command(name: str, command: click.Command, context: click.Context) -> Iterator[str]:
    if not command.help:
        raise SystemExit(f"{name}: no help text")
    yield f"## `{name}`"
    yield ""
    yield inspect.cleandoc(command.help).replace("\b\n", "")
    yield ""
    with click.Context(command, info_name=name.rsplit(" ", 1)[-1], parent=context) as inner:
        usage = " ".join(command.collect_usage_pieces(inner))
        yield f"    {name} {usage}"
        yield ""
        for parameter in command.get_params(inner):
            record = parameter.get_help_record(inner)
            if isinstance(parameter, click.Option):
                if record is None or not record[1]:
                    raise SystemExit(f"{name} {parameter.opts[0]}: no help text")
                yield f"- `{record[0]}` – {record[1]}"
        yield ""
        if isinstance(command, click.Group):
            for sub in command.list_commands(inner):
                child = command.get_command(inner, sub)
                assert child is not None, sub
                yield from _command(f"{name} {sub}", child, inner)


def exit_codes_page() -> str:
    """The exit codes, from the error tree."""
    rows = {
        0: "fine",
        1: "findings (only with `--fail-on LEVEL`); a rule did not do as it should (`rules test`)",
        130: "interrupted (Ctrl-C)",
        143: "terminated (SIGTERM)",
    }
    classes: dict[int, list[str]] = {}
    for _, cls in inspect.getmembers(errors, inspect.isclass):
        if issubclass(cls, errors.PollwatchError):
            first = (inspect.getdoc(cls) or "").splitlines()[0]
            classes.setdefault(cls.exit_code, []).append(f"{first} (`{cls.__name__}`)")
    rows |= {code: " ".join(sorted(texts)) for code, texts in classes.items()}
    table = [f"| {code} | {text} |" for code, text in sorted(rows.items())]
    return "\n".join(["# Exit codes", "", "| code | meaning |", "| --- | --- |", *table, ""])


def formats_page() -> str:
    """Every log format, from its module's docstring."""
    parts = [
        "# Log formats",
        "",
        "Found out per input; `--format NAME` overrides, `pollwatch explain` shows the scores.",
        "",
    ]
    for fmt in sorted(registry.ALL, key=lambda each: each.name):
        doc = inspect.getdoc(import_module(type(fmt).__module__)) or ""
        parts += [f"## `{fmt.name}`", "", doc, ""]
    return "\n".join(parts)


def events_page() -> str:
    """The columns of each logsource."""
    parts = ["# Events: logsources and their columns", "", "Besides these, every event has `time_us` and `number`.", ""]
    for name in ("WEB", "WEB_ERROR", "AUTH", "SYSLOG", "IDS", "DNS", "FLOW", "MAIL", "FTP", "DATABASE"):
        columns = getattr(taxonomy, f"{name}_COLUMNS")
        parts += [f"## `{getattr(taxonomy, name)}`", "", ", ".join(f"`{column}`" for column in columns), ""]
    return "\n".join(parts)


def rules_page() -> str:
    """The shipped rule pack, by folder."""
    rules = [rule.info for rule in Engine.load().rules]
    parts = ["# The shipped rules", "", f"{len(rules)} Sigma rules, in `src/pollwatch/rules`.", ""]
    folders: dict[str, list[RuleInfo]] = {}
    for info in rules:
        folders.setdefault(Path(info.path).parent.relative_to(SHIPPED).as_posix(), []).append(info)
    for folder, infos in sorted(folders.items()):
        parts += [f"## {folder}", ""]
        for info in sorted(infos, key=lambda each: each.title):
            techniques = f" {', '.join(info.techniques)}." if info.techniques else ""
            feeds = "" if info.output else " Only feeds correlations."
            parts.append(f"- **{info.title}** ({info.severity.word}).{techniques}{feeds} {info.description}")
        parts.append("")
    return "\n".join(parts)


def scan_json_page() -> str:
    """What ``scan --json`` writes, as its JSON Schemas say."""
    parts = ["# `scan --json`", "", "Times are RFC 3339 UTC or null. The schemas ship with the package.", ""]
    for name in SCHEMA_FILES:
        document = schema(name)
        parts += [f"## `src/pollwatch/incidents/schema/{name}`", "", str(document.get("description", "")), ""]
    return "\n".join(parts)


def settings_page() -> str:
    """Every setting of pollwatch.toml."""
    from pollwatch import config  # noqa: PLC0415 - after the cheap pages

    return config.reference()


def api_page() -> str:
    """What programs may ask of the console, from its OpenAPI document and from what each route asks."""
    from fastapi.routing import iter_route_contexts  # noqa: PLC0415 - after the cheap pages

    from pollwatch.console import api  # noqa: PLC0415
    from pollwatch.console.access import Permission, asked_of  # noqa: PLC0415

    document = api.document()
    needs = {}
    for context in iter_route_contexts(api.router.routes):
        asked = asked_of(context.dependant)
        for method in context.methods or ():
            needs[method.lower(), context.path] = f"`{asked}`" if isinstance(asked, Permission) else "nothing"
    parts = [
        "# The console's API",
        "",
        document["info"]["description"],
        "",
        'The console serves the same as OpenAPI 3.1 at `/api/v1/openapi.json`. Errors are `{"detail": "..."}`.',
        "",
        "| method and path | takes | what it does |",
        "| --- | --- | --- |",
    ]
    for path, item in document["paths"].items():
        for method, told in item.items():
            words = told.get("description", told["summary"]).split("\n\n")[0].replace("\n", " ")
            parts.append(f"| `{method.upper()} {path}` | {needs[method, path]} | {words} |")
    for name, shape in document["components"]["schemas"].items():
        parts += [
            "",
            f"## {name}",
            "",
            shape.get("description", ""),
            "",
            "| field | type | meaning |",
            "| --- | --- | --- |",
        ]
        for field, value in shape.get("properties", {}).items():
            kinds = value.get("anyOf", [value])
            kind = " or ".join(str(each.get("type") or each.get("$ref", "").rpartition("/")[2]) for each in kinds)
            parts.append(f"| `{field}` | {kind} | {value.get('description', '')} |")
    return "\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "api.md": api_page,
    "cli.md": cli_page,
    "exit-codes.md": exit_codes_page,
    "formats.md": formats_page,
    "events.md": events_page,
    "rules.md": rules_page,
    "scan-json.md": scan_json_page,
    "settings.md": settings_page,
}


def main() -> int:
    """Write or check the pages."""
    stale = []
    for name, make in PAGES.items():
        text = NOTE + make().rstrip() + "\n"
        page = REFERENCE / name
        if "--check" in sys.argv:
            if not page.exists() or page.read_text("utf-8") != text:
                stale.append(name)
        else:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, "utf-8")
    if stale:
        print(f"docs/reference is out of date ({', '.join(stale)}); run `make docs`", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
