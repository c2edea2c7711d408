"""Which of the files met in a folder are logs.

A folder or an archive of logs holds other things too: a README, a configuration, the journal's own files. What was
named is read or complained about. What was merely met below a named folder, and is of no format known here, is
*passed over*: it is counted and named in one closing line, but is no failure, is not kept in a case, and does not dim
the light. That holds only while some other file of the same folder is recognised: a folder in which nothing is
understood is a watch that sees nothing, and each of its files is complained about.
"""

from __future__ import annotations

from collections.abc import Sequence

from pollwatch.errors import FormatError, SourceError
from pollwatch.incidents.scanned import ScannedInput
from pollwatch.node.case import reading
from pollwatch.sources.archive import MemberSource
from pollwatch.sources.files import FileSource
from pollwatch.sources.interface import Failure, Source


def set_aside(sources: Sequence[Source], options: reading.ReadOptions) -> tuple[list[Source], list[Source]]:
    """The inputs to read, and those to pass over; both in the order given."""
    met = {
        source.path: source.folder
        for source in sources
        if isinstance(source, (FileSource, MemberSource)) and source.folder
    }
    verdicts = {source.path: _recognised(source, options) for source in sources if source.path in met}
    watched = {met[path] for path, verdict in verdicts.items() if verdict}
    passed = {path for path, verdict in verdicts.items() if verdict is False and met[path] in watched}
    return (
        [source for source in sources if source.path not in passed],
        [source for source in sources if source.path in passed],
    )


def counted(sources: Sequence[Source], options: reading.ReadOptions) -> tuple[list[ScannedInput], list[Failure]]:
    """What was passed over, with its lines counted; and what could not even be read to its end."""
    inputs: list[ScannedInput] = []
    failures: list[Failure] = []
    for source in sources:
        count = reading.InputCount(source.path)
        try:
            for _block in reading.read(source, options, count):
                pass
        except FormatError:
            pass  # that is why it was passed over
        except SourceError as error:
            failures.append(Failure(source.path, str(error)))
        inputs.append(count.scanned())
    return inputs, failures


def _recognised(source: Source, options: reading.ReadOptions) -> bool | None:
    """Whether an input is of a known format, as :func:`reading.read` will find; None where that cannot be said."""
    if options.format or options.per_path(source.path)[0]:
        return True  # somebody says what it is; the scan reports it if they are wrong
    try:
        block = reading.first_block(source, whole=True)
        if block is None:
            return None  # empty, or one endless line
        reading.choose(block, source.path, options)
    except FormatError:
        return False
    except SourceError:
        return None  # the scan meets the same error and reports it
    return True
