"""A verb that works without a sub-command, and has some beside it: ``watch``, ``watch PATH``, ``watch unit``."""

from __future__ import annotations

import rich_click as click

RUN = "run"


class WorkingGroup(click.RichGroup):
    """Takes what is no sub-command's name for the arguments of the one called ``run``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``run`` in front where nothing else is named and no help is asked for."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [RUN, *args]
        return super().parse_args(ctx, args)
