"""The command line: commands for data, for models and for recipes, in a file each."""

from __future__ import annotations

import click

from actionpairs.cli import data, models, recipes, sets
from actionpairs.cli.options import CONTEXT, Commands


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(package_name="actionpairs")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Turn annotated action videos into image-editing data sets, and train editors on them.

    RECIPE is a YAML file, or the name of one that comes with the package (hc, table, demo …). Every command
    may be stopped at any time: the same command again goes on where it stopped.
    """


for _command in (
    *(data.extract, data.measure, data.shard, data.verify, data.export),
    *(sets.merge, sets.mix, sets.stats),
    *(models.train, models.evaluate, models.compare, models.edit, models.demo),
    recipes.recipe,
):
    main.add_command(_command)
