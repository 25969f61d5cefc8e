"""Data sets of how-to videos from the web: small files in the layout of each, with values of our own."""

from __future__ import annotations

from tests.annotations.examples.example import Example, json_bytes

# The six lines of a task as data.py of DmZhukov/CrossTask reads them.
TASKS = (
    b"113766\nCook a Steak\nhttps://www.wikihow.com/Cook-a-Steak\n3\nseason steak,put on grill,take off grill\n\n"
    b"16815\nMake Tea\nhttps://www.wikihow.com/Make-Tea\n2\nboil water,pour water\n\n"
)
STEPS = b"1,10.5,14.25\n3,16,18.75\n2,21,20\n4,30,31\n"
CAPTIONS = {
    "fghijklmnop": {"start": [1.5, 4.0], "end": [4.25, 3.0], "text": ["add the oil to the pan", "thanks"]},
    "abcdefghijk": {"start": [1.0], "end": [], "text": ["add salt"]},
}
ALIGNED = {
    "lmnopqrstuv": [
        [0, 2.0, 4.0, "hello again"],
        [1, 10.75, 17.5, "fry the garlic in oil"],
        [1, 20.0],
    ]
}

EXAMPLES: dict[str, Example] = {
    "crosstask": Example(
        {"format": "crosstask"},
        {"tasks_primary.txt": TASKS, "113766_ab_defghijk.csv": STEPS},
        4, 2, ("ab_defghijk", 10.5, 14.25, "season steak"),
    ),
    "howto100m": Example(
        {"format": "howto100m"},
        {"caption.json": json_bytes(CAPTIONS)},
        3, 1, ("fghijklmnop", 1.5, 4.25, "add the oil to the pan"),
    ),
    "howto100m aligned by hand": Example(
        {"format": "howto100m"},
        {"htm_align.json": json_bytes(ALIGNED)},
        3, 1, ("lmnopqrstuv", 10.75, 17.5, "fry the garlic in oil"),
    ),
    "howto100m aligned by a model": Example(
        {"format": "howto100m"},
        {"htm_aa_v1.csv": b"vid,timestamp,text\nfghijklmnop,284,knead it well\nfghijklmnop,soon,x\n"},
        2, 1, ("fghijklmnop", 282.4, 285.6, "knead it well"),
    ),
    "howto100m by video": Example(
        {"format": "howto100m"},
        {"fghijklmnop.csv": b"start,end,text\n4.13,6.5,\"now, the dessert\"\n6.5,6.5,and\n"},
        2, 1, ("fghijklmnop", 4.13, 6.5, "now, the dessert"),
    ),
}  # fmt: skip
