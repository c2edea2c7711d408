"""The configuration: each station defines its own settings, this package reads and assembles them.

``pollwatch.toml`` is looked for in the working directory, then ``$XDG_CONFIG_HOME/pollwatch/`` (``~/.config`` where
that is not set), then ``/etc/pollwatch/``; with ``--config FILE`` or ``POLLWATCH_CONFIG`` only that file is read.
Each setting of ``[node]`` comes from the first place that has it: flag, ``POLLWATCH_NODE_*``, files in that order.
Lists (``[[election]]``, ``[[asset]]``, ``[[source]]``) come whole from the first file that has any. All files are
checked, also what a nearer one overrides: a mistake does not wait for the day that it matters.
"""

from __future__ import annotations

from pollwatch.config.load import check_formats, folder_of_user, load
from pollwatch.config.reference import reference
from pollwatch.config.settings import FIELDS, Config, NodeSettings, Origin, SourceSetting

__all__ = [
    "FIELDS",
    "Config",
    "NodeSettings",
    "Origin",
    "SourceSetting",
    "check_formats",
    "folder_of_user",
    "load",
    "reference",
]
