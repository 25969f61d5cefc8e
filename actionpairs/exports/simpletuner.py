"""bghira/SimpleTuner: two data backends with equal file names, and a caption beside the picture after.

Read in simpletuner/helpers/data_backend/local.py:127 (list_files), simpletuner/helpers/prompts.py:397 (captions; a
text of several lines would become several captions, so `disable_multiline_split` is set) and
simpletuner/helpers/metadata/utils/duplicator.py:16 (`reference_strict`: the path of the picture before is that of
the picture after in the other folder, with the same size and crop). Validation pictures are `validation_input`
(simpletuner/helpers/training/validation.py:367), since a second image backend would be trained on too.
"""

from actionpairs.exports.target import Target

TARGET = Target(
    start="sh {script}",
    has_captions=True,
    configs=("config.json", "multidatabackend.json", "train.sh"),
)
