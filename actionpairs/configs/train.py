"""The `train` section of a recipe: an editor or a recognizer, and the loop that both share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from actionpairs.configs.losses import (
    ActionLossConfig,
    DiagnosticsConfig,
    IdentityConfig,
    RegularizationConfig,
    TimeWeights,
)
from actionpairs.keys import Config, Positive, Share, Weight

Channels = Annotated[int, Field(gt=0, multiple_of=8)]


class PretrainedModel(Config):
    """Weights to start from: a diffusers folder, a hub id, or `tabletop`, the small editor that comes with the
    package and was trained on the demo's synthetic scenes. The folder says of which family the model is.

    widen: accept a text-to-image model too, and add the input channels for the original picture to its U-Net.
    dtype: of the weights that are not trained; null takes float32, and bfloat16 on a GPU for families that were
    released so. quantize: keep those weights of the denoiser in 4 or 8 bits (needs the extra `quantize` and LoRA).
    """

    source: str
    widen: bool = False
    dtype: Literal["float32", "bfloat16"] | None = None
    quantize: Literal["nf4", "int8"] | None = None


class TinyModel(Config):
    """A small model with random weights. Its autoencoder and tokenizer are trained on the shards first.

    family: the short name of an editor's family that can be built from nothing; null is the first, with a U-Net.
    autoencoder: a model whose autoencoder is used instead, as in PretrainedModel.source. words: texts for the
    tokenizer besides those of the shards. prediction: with v, edits keep the scene after hundreds of steps; with
    ε after many more. unet_attention: number of levels with attention, from the deepest.
    Channels are multiples of 8. width, layers, single_layers, heads: of a transformer; it has `layers` blocks with
    a stream of their own for the text, then `single_layers` without.
    """

    tiny: Literal[True]
    family: str | None = None
    prediction: Literal["epsilon", "v_prediction"] = "v_prediction"
    unet_channels: tuple[Channels, ...] = (32, 48, 64)
    unet_layers: Positive = 1
    unet_attention: Positive = 3
    unet_heads: Positive = 4
    width: Positive = 192
    layers: Positive = 2
    single_layers: Annotated[int, Field(ge=0)] = 2
    heads: Positive = 6
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


class LoraConfig(Config):
    """Low-rank adapters, trained instead of the denoiser's weights (arXiv 2106.09685): W + alpha/rank · B·A.

    targets: the layers whose names end so get an adapter; null takes those of the family (docs/method.md). None of
    them may be frozen. merge: write the whole model with the adapters merged in too; false writes only the
    adapters.
    """

    rank: Positive = 16
    alpha: Annotated[float, Field(gt=0)] = 16.0
    targets: tuple[str, ...] | None = None
    merge: bool = True


class TimesConfig(Config):
    """How σ is drawn in flow matching: uniform, or the logistic function of a normal draw (arXiv 2403.03206).

    shift: σ becomes s·σ/(1 + (s−1)·σ); "resolution" takes s from the number of tokens, as in sampling.
    """

    draw: Literal["uniform", "logit normal"] = "logit normal"
    mean: float = 0.0
    deviation: Annotated[float, Field(gt=0)] = 1.0
    shift: Literal["resolution"] | Annotated[float, Field(gt=0)] = 1.0


class LoopConfig(Config):
    """The keys of every training loop.

    batch_size: total over all processes and accumulation steps. warmup_steps: while the learning rate rises; if
    they are not fewer than `steps`, a tenth of `steps`. schedule: the learning rate after the warm-up.
    compile: use torch.compile, which pays off after some minutes. cuda_graphs: record the kernels once and replay
    them. deterministic: a GPU computes the same bits every time, so that a resumed run equals an uninterrupted
    one; a CPU always does.
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

    @property
    def bounded_warmup_steps(self) -> int:
        """`warmup_steps`; a tenth of `steps` where the warm-up would not end before the training does."""
        return self.warmup_steps if self.warmup_steps < self.steps else self.steps // 10

    @model_validator(mode="after")
    def _graphs_can_be_recorded(self) -> LoopConfig:
        if self.cuda_graphs and not self.compile:
            raise ValueError("`cuda_graphs` records compiled kernels: set `compile: true` too")
        if self.cuda_graphs and self.accumulation > 1:
            raise ValueError("`cuda_graphs` overwrites the last gradients: leave `accumulation` at 1")
        return self


class EditorConfig(LoopConfig):
    """Fine-tuning of an editor with L_static + λ1·L_action + λ2·L_reg.

    resolution: the side of squares (`square: true`), or of a square with the area that every picture is resized
    to. freeze: parts of the names of parameters that do not train; null takes those that mix the instruction in
    (cross-attention). times: how noise levels are drawn, for models of flow matching; null as the family's
    trainers. time_weights: how much each noise level counts, in every term (docs/method.md); the paper's is none.
    min_snr_gamma: γ of min_snr; null: 5. change_weight: additional weight where the two pictures differ, in every
    term; the paper's is 0. interpolation: the share of the way from the first weights to the trained ones at which
    the published weights lie (WiSE-FT, arXiv 2109.01903). flip: the probability that both pictures of a pair are
    mirrored; never where the instruction names a side, such as left. conditioning_dropout: u of arXiv 2211.09800:
    that of leaving out the instruction, the picture, or both. ema_decay: of the average of the
    weights, which is what is published.
    gradient_checkpointing: less memory, a third more time. channels_last: the memory format in which convolutions
    run faster on a GPU. fsdp: shard weights, gradients and AdamW's moments across the GPUs. lora: train only
    adapters. sample_…: of the sample grids; null takes the model's own guidance. diagnostics: what else is
    measured.
    """

    task: Literal["editor"]
    model: PretrainedModel | TinyModel
    steps: Positive = 40_000
    batch_size: Positive = 32
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    warmup_steps: Annotated[int, Field(ge=0)] = 1000
    resolution: Positive = 256
    square: bool = False
    freeze: tuple[str, ...] | None = None
    times: TimesConfig | None = None
    action: ActionLossConfig = ActionLossConfig()
    regularization: RegularizationConfig = RegularizationConfig()
    identity: IdentityConfig = IdentityConfig()
    time_weights: TimeWeights = "none"
    min_snr_gamma: Annotated[float, Field(gt=0)] | None = None
    change_weight: Weight = 0.0
    interpolation: Share = 1.0
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
    sample_image_guidance: Weight | None = None
    sample_text_guidance: Weight | None = None
    diagnostics: DiagnosticsConfig = DiagnosticsConfig()

    @model_validator(mode="after")
    def _other_rows_occur(self) -> EditorConfig:
        if self.identity.dropped and not self.conditioning_dropout:
            raise ValueError(
                "`identity.dropped` is of dropped texts: it does not go with `conditioning_dropout: 0`"
            )
        if self.regularization.share * self.batch_size < 1:
            raise ValueError(
                "`regularization.share` gives no row of a batch: it does not go with this `batch_size`"
            )
        return self

    @model_validator(mode="after")
    def _gamma_has_a_use(self) -> EditorConfig:
        schemes = self.time_weights, self.action.time_weights, self.regularization.time_weights
        if self.min_snr_gamma is not None and "min_snr" not in schemes:
            raise ValueError("`min_snr_gamma` is that of `time_weights: min_snr`: set both")
        return self

    @model_validator(mode="after")
    def _weights_of_half_the_bits_do_not_train(self) -> EditorConfig:
        if isinstance(self.model, PretrainedModel) and self.model.dtype == "bfloat16" and self.lora is None:
            raise ValueError("`dtype: bfloat16` needs `lora`: weights of 16 bits would lose small steps")
        return self

    @model_validator(mode="after")
    def _quantized_weights_do_not_train(self) -> EditorConfig:
        if isinstance(self.model, PretrainedModel) and self.model.quantize:
            if self.lora is None or self.lora.merge:
                raise ValueError(
                    "`quantize` needs `lora` with `merge: false`: weights of 4 or 8 bits do not train"
                )
            if self.fsdp:
                raise ValueError("`quantize` does not go with `fsdp`")
        return self

    @model_validator(mode="after")
    def _can_be_shared_out(self) -> EditorConfig:
        if self.fsdp and (self.compile or self.lora or self.channels_last or self.precision == "fp16"):
            raise ValueError("`fsdp` does not go with `compile`, `lora`, `channels_last` or `precision: fp16`")
        return self

    @model_validator(mode="after")
    def _gradients_can_be_measured(self) -> EditorConfig:
        if self.diagnostics.gradients_every and (self.fsdp or self.compile or self.precision == "fp16"):
            raise ValueError(
                "`diagnostics.gradients_every` does not go with `fsdp`, `compile` or `precision: fp16`"
            )
        return self


class RecognizerConfig(LoopConfig):
    """Fine-tuning of a video classifier that scores pairs, as clips of [first frame × half, last frame × half].

    source: a folder or hub id of transformers; null builds one from the sizes below. family: what is built, by
    default a TimeSformer; a source is of its own. clips: train on such "pairs", or on `frames` frames of the whole
    "segments", which are read from the videos (--videos). input: "changes" makes both pictures gray where they are
    equal, so that a recognizer with random weights need not learn to compare first. flip: probability that a pair
    is mirrored; "move left" then becomes "move right". shift: the largest random shift, as a share of the
    picture's side. balanced: every action has the same weight in the loss. held_out: the share of the training
    pairs kept for scoring if the shards have no test split. calibration: the share of them that the temperature of
    its confidence is fitted on, and that it is not trained on; fewer than 30 pairs are not kept, and 0 fits none.
    """

    task: Literal["recognizer"]
    source: str | None = None
    family: Literal["timesformer", "videomae", "vjepa2"] | None = None
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
    input: Literal["pictures", "changes"] = "pictures"
    flip: Share = 0.5
    shift: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    balanced: bool = False
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    calibration: Annotated[float, Field(ge=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def _published_weights_know_pictures(self) -> RecognizerConfig:
        if self.source is not None and self.input == "changes":
            raise ValueError("`source` was trained on whole pictures: leave `input: pictures`")
        return self


TrainConfig = Annotated[EditorConfig | RecognizerConfig, Field(discriminator="task")]
