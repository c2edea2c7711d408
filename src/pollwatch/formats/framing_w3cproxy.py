"""Logs of proxies that an office's own people go out by: Blue Coat (Symantec, Broadcom), and others with such fields.

There the client is one of us and the site is somebody else's: such requests are no attacks on us, and are events of
Sigma's ``proxy`` logsource, in its names beside ours. Which way a request went, the fields say: categories of sites,
verdicts of filters and supplying hosts are of the way out. Proxies in front of our own sites write some of the same
fields; there a visitor from inside is told by the address. Of other makers than Blue Coat the names of fields were
gathered without a log at hand.

Source: Broadcom "Edge SWG: access log formats" (bcreportermain_v1).
"""

from __future__ import annotations

from typing import Final

import polars as pl
import pyarrow as pa

from pollwatch.events.batch import EventBatch
from pollwatch.events.places import INSIDE
from pollwatch.events.taxonomy import PROXY
from pollwatch.formats.framing_w3c import Header

#: Plain names of fields that only a way out has.
_OUT: Final = frozenset(
    {
        *("cscategories", "cscategory", "scfilterresult", "scfiltercategory", "csurlcategory", "csurlcategories"),
        *("urlcategory", "urlsupercategory", "csauthgroup", "csauthgroups", "xexceptionid", "xvirusid", "cbluecoat"),
        *("rhost", "rport", "sobjectsource", "cagent", "csthreatrisk", "csuricategories", "xbluecoatapplicationname"),
    }
)
#: Of proxies of either way.
_EITHER: Final = frozenset({"saction", "shierarchy", "ssuppliername", "ssupplierip", "rip", "rdns"})


def ways_out(frame: pl.DataFrame, header: Header) -> pl.Series | None:
    """Which requests go out to others' sites; None where the log is none of a proxy.

    Args:
        frame: values in columns ``c0``, ``c1``, ... as the header names them.
        header: which fields they are.
    """
    names = header.plain_names()
    if _OUT.intersection(names):
        return pl.repeat(value=True, n=len(frame), dtype=pl.Boolean, eager=True)
    if not _EITHER.intersection(names) or "cip" not in names:
        return None
    return frame[f"c{names.index('cip')}"].str.contains(INSIDE).fill_null(value=False)


def as_proxy(batch: EventBatch) -> EventBatch:
    """A batch of requests as one of the way out, with whole addresses under the name that Sigma's rules use."""
    names = batch.table.column_names
    uris = batch.table["cs-uri"].to_pylist()
    hosts = batch.table["cs-host"].to_pylist()
    schemes = batch.table["cs-uri-scheme"].to_pylist() if "cs-uri-scheme" in names else [None] * len(uris)
    whole = [_whole(scheme, host, uri) for scheme, host, uri in zip(schemes, hosts, uris, strict=True)]
    return EventBatch(PROXY, batch.path, batch.table.append_column("c-uri", pa.array(whole, pa.string())))


def _whole(scheme: str | None, host: str | None, uri: str | None) -> str | None:
    if uri is None or host is None or "://" in uri.partition("?")[0]:
        return uri
    return f"{scheme or 'http'}://{host}{uri if uri.startswith('/') else '/' + uri}"
