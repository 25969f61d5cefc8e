"""Shards in the layouts of other projects' trainers: pictures, lists and a config that is ready to run.

`target` says what a layout is, `targets` lists them all, and there is one module per layout, which names the code
of that trainer that reads it. `contents` is what the shards hold; `configs` and `picture_files` write.
"""

TARGETS = ("ai-toolkit", "musubi", "diffsynth", "simpletuner", "diffusers", "omnigen2", "longcat", "folder")

__all__ = ["TARGETS"]
