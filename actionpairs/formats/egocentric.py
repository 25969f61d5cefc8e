"""The configs of data sets of head cameras."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from actionpairs.formats.base import Annotations, FrameTimes, Rate
from actionpairs.formats.points import PointTimes


class Ego4dFormat(Annotations):
    """Ego4D FHO (fho_main.json): the camera wearer's actions.

    span: from pre-frame to post-frame, or the narrated action's seconds. {narration} is without its `#C C`.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "verb", "label")

    format: Literal["ego4d"]
    instruction: str = "{narration}"
    span: Literal["pre to post", "action"] = "pre to post"
    rate: Rate = 30.0
    first_frame: Literal[0, 1] = 0


class HoloAssistFormat(Annotations):
    """HoloAssist: fine-grained actions in seconds."""

    template_fields: ClassVar[tuple[str, ...]] = ("verb", "noun", "label")

    format: Literal["holoassist"]
    instruction: str = "{verb} {noun}"
    video: str = "{video}/Export_py/Video.mp4"


class GoalStepFormat(Annotations):
    """Ego4D Goal-Step (goalstep_train.json, goalstep_valid.json): goals, their steps, and the steps' substeps.

    level: `leaf` is every substep, and every step without any. relevance: essential, optional, irrelevant, unsure;
    empty for all. {narration} is the description, {label} the category without its heading.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "label")

    format: Literal["goalstep"]
    instruction: str = "{narration}"
    level: Literal["leaf", "goal", "step", "substep"] = "leaf"
    relevance: tuple[Literal["essential", "optional", "irrelevant", "unsure"], ...] = ()


class EgoExo4dFormat(Annotations):
    """What the formats of Ego-Exo4D share.

    camera: `ego`, `best exo` or an id such as `cam01`; takes.json among the files says which file it is. With
    null, a video is named by its take. downscaled: the videos of `--parts downscaled_takes/448`.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "label")

    instruction: str = "{narration}"
    camera: str | None = Field(default="ego", min_length=1)
    downscaled: bool = False


class EgoExo4dKeystepsFormat(EgoExo4dFormat):
    """Ego-Exo4D keysteps (keystep_train.json, keystep_val.json), in seconds.

    level: `leaf` is every segment; `parent` joins consecutive segments whose steps have the same parent in the
    taxonomy, and is named by it. {narration} is the description of the segment, {label} the name of its step.
    """

    format: Literal["egoexo4d_keysteps"]
    level: Literal["leaf", "parent"] = "leaf"


class EgoExo4dDescriptionsFormat(EgoExo4dFormat, PointTimes):
    """Ego-Exo4D atomic action descriptions (atomic_descriptions_train.json and others): one time each, no span.

    {narration} and {label} are the text, without the `C` of the camera wearer.
    """

    format: Literal["egoexo4d_descriptions"]
    before_seconds: float = Field(default=0.0, ge=0)
    after_seconds: float = Field(default=4.0, gt=0)
    until_next: bool = True


class HdEpicFormat(Annotations):
    """HD-EPIC: narrations (as Parquet), steps (complete_recipes.json), activities (PXX_recipe_timestamps.csv).

    level: `leaf` is the finest among the files. {verb} and {noun} are those of a narration's first main action,
    and {label} is both; of a step or an activity, {label} and {narration} are its text.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "verb", "noun", "label")

    format: Literal["hdepic"]
    instruction: str = "{narration}"
    level: Literal["leaf", "narration", "step", "activity"] = "leaf"


class Assembly101Format(Annotations, FrameTimes):
    """Assembly101: fine-grained CSV, or coarse labels (a text file per sequence), in frames of a 30 fps copy.

    level: `leaf` is the finest among the files. views: the cameras to use; every view of a recording is a video.
    {verb} and {noun} are only in the fine-grained files.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("verb", "noun", "label")

    format: Literal["assembly101"]
    level: Literal["leaf", "fine", "coarse"] = "leaf"
    views: tuple[str, ...] = Field(default=("C10404_rgb",), min_length=1)
    rate: Rate = 30.0
    first_frame: Literal[0, 1] = 0
    end_included: bool = False


class EgoExoLearnFormat(Annotations):
    """EgoExoLearn: fine_annotation_trainval_en.csv, or the coarse JSON files (with semantic_en.json), in seconds.

    level: `leaf` is the finest among the files. views: which views to use; empty for both. {narration} is the
    text, {label} the text without left and right hand; of a coarse segment, the class.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("narration", "label")

    format: Literal["egoexolearn"]
    instruction: str = "{narration}"
    level: Literal["leaf", "fine", "coarse"] = "leaf"
    views: tuple[Literal["ego", "exo"], ...] = ()
