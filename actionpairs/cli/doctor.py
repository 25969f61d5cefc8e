"""The command that looks at this machine."""

from __future__ import annotations

import dataclasses

import click

from actionpairs.cli.exit_codes import ExitCode
from actionpairs.cli.options import json_option
from actionpairs.cli.output import print_answer


@click.command()
@json_option
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Say what this machine has and lacks, and try extract and shard on a clip that is rendered for it.

    Paste the output into a report of an error: it names no home folder, no user, no host and no secret. The exit
    code is 1 if extract and shard cannot work here. Extras that are not installed do not matter for it.

    \b
    Examples:
      actionpairs doctor
      actionpairs doctor --json
    """
    from actionpairs.diagnosis.text import format_diagnosis
    from actionpairs.stages.doctor import doctor as run

    diagnosis = run()
    print_answer(dataclasses.asdict(diagnosis), format_diagnosis(diagnosis), as_json)
    if not diagnosis.works:
        context.exit(ExitCode.ERROR)
