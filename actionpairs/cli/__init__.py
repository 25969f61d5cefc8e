"""The command line: commands for data, for models, for recipes and for this machine, in a file each."""

from __future__ import annotations

import click

from actionpairs.cli import app, data, doctor, hub, models, recipes, sets
from actionpairs.cli.group import CONTEXT, Commands
from actionpairs.cli.verbosity import shared_options


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(package_name="actionpairs")
def main() -> None:
    """Turn annotated action videos into image-editing data sets, and train editors on them.

    RECIPE is a YAML file, or the name of one that comes with the package (hc, table, demo …). Every command
    may be stopped at any time: the same command again goes on where it stopped.
    """


main.params += shared_options()
for _command in (
    *(data.extract, data.measure, data.shard, data.verify, data.export),
    *(sets.merge, sets.mix, sets.stats),
    *(models.train, models.evaluate, models.compare, models.edit, app.app, models.demo),
    *(hub.push, recipes.recipe, doctor.doctor),
):
    main.add_command(_command)
