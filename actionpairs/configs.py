"""What a recipe may say: one frozen config per stage. recipe.py reads YAML into these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from actionpairs.formats import AnnotationFormat
from actionpairs.keys import Config as Config
from actionpairs.keys import Positive, Share, Weight

Channels = Annotated[int, Field(gt=0, multiple_of=8)]

# ── extract ─────────────────────────────────────────────────────────────────────────────────────────────


class SelectConfig(Config):
    """Which segments are wanted, before any video is opened; a list that is null takes everything.

    Names are those of the segments (class keys, participants). min_clips_per_action is counted last, over what
    the other rules leave.
    """

    min_seconds: Weight = 0.0
    max_seconds: float = float("inf")
    min_clips_per_action: Positive = 1
    groups: tuple[str, ...] | None = None
    verbs: tuple[str, ...] | None = None
    nouns: tuple[str, ...] | None = None
    actions: tuple[str, ...] | None = None
    drop_groups: tuple[str, ...] = ()
    drop_verbs: tuple[str, ...] = ()
    drop_nouns: tuple[str, ...] = ()
    drop_actions: tuple[str, ...] = ()


class PictureConfig(Config):
    """How a decoded frame becomes a JPEG; pictures are made smaller, never larger.

    hdr: whether PQ and HLG are refused, or tone-mapped to BT.709 (Dolby Vision profile 5 is refused either way).
    """

    short_side: Positive = 512
    quality: Annotated[int, Field(ge=1, le=100)] = 95
    chroma: Literal["4:4:4", "4:2:2", "4:2:0"] = "4:4:4"
    hdr: Literal["refuse", "tonemap"] = "refuse"


class ReleasedFramesConfig(Config):
    """How a data set numbers the JPEGs that it releases instead of videos.

    rate: frame n is shown at n / rate seconds; "epic" is 60 a second for EPIC-KITCHENS' videos of 2018, whose
    names end in two digits, and 50 for the later ones. pattern: the file name of a number.
    """

    rate: Literal["epic"] | Annotated[float, Field(gt=0)] = "epic"
    pattern: str = "frame_{:010d}.jpg"

    @field_validator("pattern")
    @classmethod
    def _has_one_number(cls, pattern: str) -> str:
        if pattern.count("{") != 1 or not pattern.format(7).count("7"):
            raise ValueError("needs one number, for example frame_{:010d}.jpg")
        return pattern


class ExtractConfig(Config):
    """From annotation files and videos to frame pairs.

    follow_links: open videos whose symbolic links lead out of the videos folder. time_zero: what the annotations'
    time 0 means, the first frame that is shown (as in players) or the file's own clock. released_frames: how
    frames that come as JPEGs, with --frames, are numbered. max_rejected: the share of the segments that may fail
    before the run stops.
    """

    annotations: AnnotationFormat
    follow_links: bool = False
    select: SelectConfig = SelectConfig()
    pictures: PictureConfig = PictureConfig()
    time_zero: Literal["first frame", "pts"] = "first frame"
    released_frames: ReleasedFramesConfig = ReleasedFramesConfig()
    past_end_seconds: Weight = 0.5
    max_rejected: Share = 1.0

    @model_validator(mode="after")
    def _lengths_are_known(self) -> ExtractConfig:
        limited = self.select.min_seconds > 0 or self.select.max_seconds < float("inf")
        if limited and self.annotations.format == "ssv2":
            raise ValueError("ssv2 takes whole clips, whose lengths it does not tell: leave min/max_seconds out")
        return self


# ── shard ───────────────────────────────────────────────────────────────────────────────────────────────


class FilterConfig(Config):
    """Which pairs are kept; a filter that is null is off.

    Measures are those of `Measures`; the worse frame decides. A pair that lacks the measure of a filter is
    dropped as unmeasured. max_camera_shift and min_displacement are shares of the picture's diagonal.
    near_duplicate_bits: a pair leaves whose two hashes differ from an earlier pair's in so many of 128 bits or
    fewer.
    """

    min_change: Share | None = 0.005
    min_sharpness: Share | None = None
    max_dark: Share | None = None
    max_overexposed: Share | None = None
    max_cut: Share | None = None
    max_camera_shift: Weight | None = None
    min_displacement: Weight | None = None
    near_duplicate_bits: Annotated[int, Field(ge=0, le=16)] | None = None


class SubsetConfig(Config):
    """The `count` samples of the split `of` that measure the most, written as a split of their own.

    max_per_action: at most so many of one action; null takes any number. Ties go to the smaller id.
    """

    of: str
    count: Positive
    by: Literal["displacement", "change", "camera_shift"] = "displacement"
    max_per_action: Positive | None = None


class SplitConfig(Config):
    """Who goes where: the `tests` hold out so many samples each, in hash order; the rest trains.

    rule: `paper` draws the tests from all samples; `leak-free` sets whole groups (participants, or videos where
    none are known) apart, at least min_test_groups of them, and draws from those; what their samples leave
    over goes to `spare`, so that no group or video is on both sides. unseen_verbs: split → verbs all of whose
    samples go there, and never train. subsets: name → samples of a split that are a split of their own too.
    """

    rule: Literal["paper", "leak-free"] = "paper"
    seed: int = 0
    train: str
    tests: dict[str, Positive] = Field(default_factory=dict)
    unseen_verbs: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    min_test_groups: Positive = 1
    spare: str | None = None
    subsets: dict[str, SubsetConfig] = Field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every split that holds samples apart, the training one first."""
        return (self.train, *self.tests, *self.unseen_verbs, *([self.spare] if self.spare else []))

    @model_validator(mode="after")
    def _names_differ(self) -> SplitConfig:
        names = (*self.names, *self.subsets)
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two splits are both called {name!r}")
        for name, subset in self.subsets.items():
            if subset.of not in self.names:
                raise ValueError(f"`subsets.{name}` is taken of {subset.of!r}, which is no split")
        return self

    @model_validator(mode="after")
    def _rule_has_its_keys(self) -> SplitConfig:
        if (self.rule == "leak-free") != (self.spare is not None):
            raise ValueError("`spare` names the leak-free rule's left-over split: give it there, and only there")
        if self.rule == "paper" and self.min_test_groups != 1:
            raise ValueError("`min_test_groups` belongs to the leak-free rule")
        verbs = [verb for listed in self.unseen_verbs.values() for verb in listed]
        if len(set(verbs)) != len(verbs):
            raise ValueError("`unseen_verbs` names a verb twice")
        return self


class ExpectedConfig(Config):
    """Somebody else's figures, for `--dry-run` to print beside ours. source: whose they are."""

    source: str
    actions: int | None = None
    splits: dict[str, int] = Field(default_factory=dict)


class SourceConfig(Config):
    """Whose videos the pictures are, for the data-set card. license: as the Hugging Face hub abbreviates it."""

    name: str = ""
    home: str = ""
    license: str = ""
    terms: str = ""


class ShardConfig(Config):
    """From frame pairs to WebDataset shards of one data set."""

    dataset: str
    source: SourceConfig = SourceConfig()
    filters: FilterConfig = FilterConfig()
    splits: SplitConfig
    samples_per_shard: Positive = 1000
    expected: ExpectedConfig | None = Field(default=None, exclude=True)  # facts, not orders: not in the digest


# ── train ───────────────────────────────────────────────────────────────────────────────────────────────


class PretrainedModel(Config):
    """Weights to start from: a diffusers folder, a hub id (for example timbrooks/instruct-pix2pix), or `tabletop`,
    the small editor that comes with the package and knows the demo's world.

    widen: take a text-to-image model too, and give its U-Net the original picture's channels.
    """

    source: str
    widen: bool = False


class TinyModel(Config):
    """A small model built from nothing: its autoencoder and its tokenizer are trained on the shards first.

    autoencoder: the model whose autoencoder is taken instead, as PretrainedModel's source.
    words: texts that the tokenizer is to know besides those of the shards. prediction: v keeps the scene after
    hundreds of steps, ε, which the real one predicts, after many more. unet_attention: how many levels, from the
    deepest, attend. Channels: multiples of 8.
    """

    tiny: Literal[True]
    prediction: Literal["epsilon", "v_prediction"] = "v_prediction"
    unet_channels: tuple[Channels, ...] = (32, 48, 64)
    unet_layers: Positive = 1
    unet_attention: Positive = 3
    unet_heads: Positive = 4
    text_width: Annotated[int, Field(gt=0, multiple_of=4)] = 64
    text_layers: Positive = 2
    text_length: Annotated[int, Field(gt=2, le=77)] = 16
    vocabulary: Positive = 600
    words: tuple[str, ...] = ()
    autoencoder: str | None = None
    autoencoder_channels: tuple[Channels, ...] = (8, 16, 32)
    latent_channels: Positive = 4
    autoencoder_steps: Positive = 250
    autoencoder_batch_size: Positive = 8


class ActionLossConfig(Config):
    """L_action, which tells the right instruction from wrong ones.

    negatives: wrong instructions per pair. drawn_from: whose they are.
    """

    weight: Weight = 0.1
    form: Literal["logistic", "hinge", "negated"] = "logistic"
    beta: Annotated[float, Field(gt=0)] = 1000.0
    margin: Weight = 0.1
    negatives: Positive = 1
    drawn_from: Literal["all", "same verb", "same noun", "batch"] = "all"


class RegularizationConfig(Config):
    """L_reg, which holds the model near the frozen one that it started from."""

    weight: Weight = 0.1


class LoraConfig(Config):
    """Low-rank adapters, which train in place of the U-Net (arXiv 2106.09685): W + alpha/rank · B·A.

    targets: the ends of the names of the layers that get one. None of them may be frozen.
    """

    rank: Positive = 16
    alpha: Annotated[float, Field(gt=0)] = 16.0
    targets: tuple[str, ...] = ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0")


class LoopConfig(Config):
    """What every training loop needs to know.

    batch_size counts over all processes and all accumulated parts. schedule: after the warm-up. compile: let
    torch.compile write the network's kernels, which pays off after some minutes. cuda_graphs: record them once,
    and replay them where Python would start them too slowly. deterministic: let a GPU, too, compute the same
    bits every time, so that a resumed run is exactly an uninterrupted one; a CPU always does.
    """

    seed: int = 0
    steps: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    schedule: Literal["constant", "cosine"] = "constant"
    accumulation: Positive = 1
    weight_decay: Weight = 0.01
    max_gradient_norm: Weight = 1.0
    precision: Literal["no", "bf16", "fp16"] = "no"
    compile: bool = False
    cuda_graphs: bool = False
    deterministic: bool = False
    checkpoint_every: Positive = 1000
    keep_checkpoints: Positive = 2

    @model_validator(mode="after")
    def _graphs_can_be_recorded(self) -> LoopConfig:
        if self.cuda_graphs and not self.compile:
            raise ValueError("`cuda_graphs` replays what `compile` writes: set `compile: true` too")
        if self.cuda_graphs and self.accumulation > 1:
            raise ValueError("`cuda_graphs` writes every gradient over the last: leave `accumulation` at 1")
        return self


class EditorConfig(LoopConfig):
    """Fine-tuning of InstructPix2Pix with L_static + λ1·L_action + λ2·L_reg.

    change_weight: how much more L_static weighs where the two pictures differ; the paper's is 0.
    gradient_checkpointing: less memory for a third more time. channels_last: how pictures lie in memory, which
    convolutions on a GPU like better. fsdp: share weights, gradients and AdamW's moments out among the GPUs.
    lora: train adapters alone; the folder gets them merged, and by themselves.
    """

    task: Literal["editor"]
    model: PretrainedModel | TinyModel
    steps: Positive = 40_000
    batch_size: Positive = 32
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    warmup_steps: Annotated[int, Field(ge=0)] = 1000
    resolution: Positive = 256
    freeze: tuple[str, ...] = ("attn2",)
    action: ActionLossConfig = ActionLossConfig()
    regularization: RegularizationConfig = RegularizationConfig()
    min_snr_gamma: Annotated[float, Field(gt=0)] | None = None
    change_weight: Weight = 0.0
    conditioning_dropout: Annotated[float, Field(ge=0, le=1 / 3)] = 0.05
    flip: Share = 0.5
    ema_decay: Share = 0.9999
    gradient_checkpointing: bool = False
    channels_last: bool = False
    fsdp: bool = False
    lora: LoraConfig | None = None
    sample_every: Positive = 5000
    sample_count: Positive = 4
    sample_steps: Positive = 20
    sample_image_guidance: Weight = 1.5
    sample_text_guidance: Weight = 7.5

    @model_validator(mode="after")
    def _can_be_shared_out(self) -> EditorConfig:
        if self.fsdp and (self.compile or self.lora or self.channels_last or self.precision == "fp16"):
            raise ValueError("`fsdp` does not go with `compile`, `lora`, `channels_last` or `precision: fp16`")
        return self


class RecognizerConfig(LoopConfig):
    """Fine-tuning of a TimeSformer that is to judge pairs, written as [first frame × half, last frame × half].

    clips: what is learned from, such "pairs", or as many `frames` of the whole "segments", from the first to
    the last, which are read from the videos (--videos). shown: "changes" grays out both pictures wherever they
    are the same, so that a recognizer that starts from nothing need not learn to compare first. flip: how
    often a pair is mirrored; "move left" then counts as "move right". shift: how far a pair is moved at most,
    in sides of the picture. balanced: every action weighs the same in the loss. held_out: the share of the
    training pairs that is kept to score with where the shards have no test split.
    """

    task: Literal["recognizer"]
    source: str | None = None  # a folder or hub id; null builds one from the sizes below
    steps: Positive = 5000
    batch_size: Positive = 16
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    resolution: Positive = 224
    frames: Annotated[int, Field(gt=1, multiple_of=2)] = 8
    patch_size: Positive = 16
    width: Positive = 768
    layers: Positive = 12
    heads: Positive = 12
    clips: Literal["pairs", "segments"] = "pairs"
    shown: Literal["pictures", "changes"] = "pictures"
    flip: Share = 0.5
    shift: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    balanced: bool = False
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def _published_weights_know_pictures(self) -> RecognizerConfig:
        if self.source is not None and self.shown == "changes":
            raise ValueError("`source` has only ever seen whole pictures: leave `shown: pictures`")
        return self


TrainConfig = Annotated[EditorConfig | RecognizerConfig, Field(discriminator="task")]


# ── eval ────────────────────────────────────────────────────────────────────────────────────────────────


class EvalConfig(Config):
    """How edits are generated and scored; gallery, study: how many samples are on the page, and before raters."""

    resolution: Positive = 256
    seed: int = 0
    steps: Positive = 100
    image_guidance: Weight = 1.5
    text_guidance: Weight = 7.5
    batch_size: Positive = 8
    scheduler: str = "EulerAncestralDiscreteScheduler"
    gallery: Positive = 60
    study: Positive = 30
