"""What administrators add behind the combined log format, told apart by what it looks like.

``"$http_x_forwarded_for"``, request times, host names and cookies are recognised; all of it stays searchable in the
column ``extra``. Each line is judged alone, so that it means the same wherever it stands.
"""

from __future__ import annotations

import polars as pl

_WORD = r'"(?:[^"\\]|\\.)*"|[^" ]+'
_SECONDS = r'^(?:rt=|request_time=)?"?([0-9]{1,9}\.[0-9]{3})"?$'
_MS = r"^([0-9]{1,9})ms$"
_HOST = r'^"?((?:[A-Za-z0-9_-]+\.)+[A-Za-z]{2,}(?::[0-9]{1,5})?)"?$'
_ADDRESSES = r'^"(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*|unknown)(?:,|"$)'
_COOKIE = r'^"[A-Za-z0-9_.-]+='
_NUMBER = r'^"[0-9. ,:-]*"$'
#: More than this behind the known fields is not read as fields.
_LIMIT = 4096


def read_extras(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with forwarded, seconds, ms, host and cs-cookie filled from ``extra`` where they can be."""
    extra = frame["extra"].str.strip_chars()
    extra = pl.select(pl.when(extra != "").then(extra))[:, 0].alias("extra")
    frame = frame.with_columns(extra)
    rows = extra.is_not_null().arg_true()
    if not len(rows):
        return frame
    words = pl.DataFrame({"row": rows, "word": extra.gather(rows).str.slice(0, _LIMIT).str.extract_all(_WORD)})
    words = words.explode("word", empty_as_null=True, keep_nulls=True).with_columns(
        first=pl.col("row").is_first_distinct()
    )
    quoted = pl.col("word").str.starts_with('"')
    known = {
        "seconds": pl.col("word").str.extract(_SECONDS),
        "ms": pl.col("word").str.extract(_MS),  # Traefik's last word
        "host": pl.when(~(quoted & pl.col("first"))).then(pl.col("word").str.extract(_HOST)),
        "cs-cookie": pl.when(pl.col("word").str.contains(_COOKIE)).then(_inside(pl.col("word"))),
        "forwarded": pl.when(_is_forwarded(quoted)).then(_inside(pl.col("word"))),
    }
    found = (
        words.select("row", **known)
        .group_by("row", maintain_order=True)
        .agg(pl.col(name).drop_nulls().first() for name in known)
    )
    base = pl.DataFrame({"row": pl.int_range(len(frame), dtype=pl.get_index_type(), eager=True)})
    aligned = base.join(found, on="row", how="left", maintain_order="left").drop("row")
    aligned = aligned.select(column for column in aligned if column.null_count() < len(column))
    return frame.with_columns(
        pl.coalesce(frame[name], aligned[name]).alias(name) if name in frame.columns else aligned[name]
        for name in aligned.columns
    )


def _is_forwarded(quoted: pl.Expr) -> pl.Expr:
    """Addresses in quotes anywhere, or whatever else stands in quotes right behind the user agent.

    nginx's shipped ``log_format main`` puts X-Forwarded-For there; a client may write anything into it.
    """
    word = pl.col("word")
    other = word.str.contains(_COOKIE) | word.str.contains(_NUMBER) | word.str.contains(_SECONDS)
    return word.str.contains(_ADDRESSES) | (pl.col("first") & quoted & ~other & (word != '""'))


def _inside(quoted: pl.Expr) -> pl.Expr:
    return quoted.str.strip_prefix('"').str.strip_suffix('"')
