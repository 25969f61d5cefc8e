"""The command that shares results on the Hugging Face Hub."""

from __future__ import annotations

from typing import Any

import click

from actionpairs.cli.options import json_option
from actionpairs.cli.output import print_summary


@click.command()
@click.argument("folder")
@click.argument("url", metavar="hf://OWNER/NAME")
@click.option(
    "--private/--public", default=True, show_default=True, help="Who may see a new repository: you, or everyone."
)
@click.option("--message", metavar="TEXT", help="Of the commit.")
@click.option("--dry-run", is_flag=True, help="Check everything that goes up, and ask the hub nothing.")
@click.option(
    "--i-have-the-right",
    is_flag=True,
    help="Send frames whose license does not let everyone pass them on: they are mine, or I may.",
)
@json_option
def push(folder: str, url: str, as_json: bool, **options: Any) -> None:
    """Send shards, a model or a report to the Hugging Face Hub: a data set, a model, or a Space with the page.

    FOLDER must be finished, and its files those of its manifest. They go up in one commit, with the card; what is
    there already is not sent again, and nothing is removed. The token is that of `hf auth login`, or HF_TOKEN.
    Behind NAME, @BRANCH and /SUBFOLDER are possible. docs/hub.md says more.

    \b
    Examples:
      actionpairs push out/shards hf://OWNER/kitchen-pairs --dry-run
      actionpairs push out/shards hf://OWNER/kitchen-pairs --i-have-the-right
      actionpairs push out/model hf://OWNER/kitchen-editor --public --i-have-the-right
    """
    from actionpairs.stages.push import push as run

    print_summary(run(folder, url, **options), as_json)
