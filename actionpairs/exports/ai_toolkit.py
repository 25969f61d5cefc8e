"""ostris/ai-toolkit: two folders with equal file stems, and a caption beside the picture after.

Read in toolkit/data_loader.py:439 (it walks `folder_path`, so the pictures before stand outside of it),
toolkit/dataloader_mixins.py:333 (the caption is the stem with `caption_ext`) and :1087 (the control picture is
`control_path`/stem; one that is missing is left out without a word, issue 737).
"""

from actionpairs.exports.target import Target

TARGET = Target(
    start="sh {script} PATH/TO/ai-toolkit",
    has_captions=True,
    configs=("ai-toolkit.yaml", "train.sh"),
)
