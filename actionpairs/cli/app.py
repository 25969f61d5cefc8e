"""The command that opens a model's page."""

from __future__ import annotations

from typing import Any

import click

from actionpairs.cli.completion import split_names
from actionpairs.cli.options import device_option, json_option
from actionpairs.cli.output import print_answer


@click.command()
@click.argument("model")
@click.option("--shards", help="Folder that `shard` wrote, to leaf through a split of it.")
@click.option("--split", shell_complete=split_names, help="Which split, for example LCtest500.")
@click.option("--lora", metavar="PATH", help="Adapters for the model: a file or folder.")
@click.option("--quantize", type=click.Choice(["nf4", "int8"]), help="Keep the denoiser in 4 or 8 bits.")
@device_option
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="0.0.0.0 lets all machines of the network in."
)
@click.option("--port", default=7860, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--share", is_flag=True, help="Ask gradio for a public address, for a week; anyone who has it may edit."
)
@json_option
def app(model: str, as_json: bool, **options: Any) -> None:
    """Open a page on this machine where a model edits pictures.

    Drop a picture, write an instruction, compare the edits of several seeds with the input. The page starts with
    the model's own size, steps and guidance. With --shards and --split, a second tab leafs through the split.
    Nothing leaves this machine. Ctrl-C ends it.

    \b
    Examples:
      actionpairs app out/model
      actionpairs app out/model --shards out/shards --split HCtest500
    """
    if (options["shards"] is None) != (options["split"] is None):
        raise click.UsageError("--shards and --split go together.")
    import actionpairs.app.app_extra
    import actionpairs.train_extra  # noqa: F401 - each says which extra is missing
    from actionpairs.app.serving import serve

    def announce(url: str) -> None:
        print_answer({"url": url}, f"{url}  (Ctrl-C ends it)", as_json)

    serve(model, announce=announce, **options)
