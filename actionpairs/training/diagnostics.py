"""What is measured in the steps of an editor's training, besides its losses. It changes no gradient.

Each value is a sum and a count, as the losses are: what no row has counts 0, and has no mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from actionpairs.configs import DiagnosticsConfig
from actionpairs.editors.noise import NoiseProcess
from actionpairs.errors import ModelError
from actionpairs.training.loss_terms import LossTerms, Term
from actionpairs.training.task import sum_and_count

THIRDS = "low noise", "middle noise", "high noise"
_STRIDE = 19  # a prime: blocks of equal layers give another of their matrices each time


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What is measured in which steps.

    by_noise: terms by thirds of noise, in all steps. gradients_every: the gradients of the terms, every so many
    steps; None: never. parameters: over which they are taken.
    """

    process: NoiseProcess
    by_noise: bool = False
    gradients_every: int | None = None
    parameters: tuple[nn.Parameter, ...] = ()

    @classmethod
    def of(cls, config: DiagnosticsConfig, denoiser: nn.Module, process: NoiseProcess) -> Diagnostics | None:
        """Those of a recipe; None if it measures nothing in steps. Raises ModelError as `gradient_parameters`."""
        if not (config.by_noise or config.gradients_every):
            return None
        parameters = gradient_parameters(denoiser, config.gradient_layers) if config.gradients_every else ()
        return cls(process, config.by_noise, config.gradients_every, parameters)

    def measure(self, step: int, times: Tensor, parts: Mapping[str, Term], terms: LossTerms) -> dict[str, Tensor]:
        """What is logged of some rows of a step, before their backward pass: `sum_and_count` by name.

        times: B, those of the rows. parts: what is logged of them already.
        """
        values: dict[str, Tensor] = {}
        if self.by_noise:
            extra = dict(_comparisons(terms)) if "action" in parts else {}
            values |= {name: sum_and_count(term.values, term.counted) for name, term in extra.items()}
            thirds = thirds_of_noise(self.process, times)
            for name, term in {**parts, **extra}.items():
                values |= _by_third(name, term, thirds)
        if self.gradients_every:
            losses = {name: term for name, term in parts.items() if term.weight}
            is_measured = (step + 1) % self.gradients_every == 0
            values |= (_gradients if is_measured else _no_gradients)(losses, self.parameters)
        return values


def thirds_of_noise(process: NoiseProcess, times: Tensor) -> Tensor:
    """0, 1 or 2: in which third of the schedule a time lies, from little noise to much; B in, B out.

    Thirds of the timesteps in diffusion, and of σ in flow matching.
    """
    first, second = (process.at(third / 3) for third in (1, 2))
    return (times >= first).long() + (times >= second).long()


def gradient_parameters(denoiser: nn.Module, layers: Sequence[str] | None) -> tuple[nn.Parameter, ...]:
    """The parameters over which gradients are measured.

    layers: parts of the names of parameters that train; None takes every 19th matrix that trains, about 5 % of the
    weights, from all depths. Raises ModelError if a part names none.
    """
    trained = {name: weight for name, weight in denoiser.named_parameters() if weight.requires_grad}
    if layers is None:
        matrices = [weight for weight in trained.values() if weight.dim() > 1]
        return tuple(matrices[min(_STRIDE // 2, len(matrices) // 2) :: _STRIDE])
    for layer in layers:
        if not any(layer in name for name in trained):
            raise ModelError(
                f"`gradient_layers: {layer}`: no parameter that trains has such a name.",
                cure="Write part of the name of a parameter that is not frozen.",
            )
    return tuple(weight for name, weight in trained.items() if any(layer in name for layer in layers))


def _comparisons(terms: LossTerms) -> Iterator[tuple[str, Term]]:
    """How right and wrong instructions compare, by name."""
    yield "margin", terms.margin()
    preference = terms.preference()
    if preference is not None:
        yield "preference", preference


def _by_third(name: str, term: Term, thirds: Tensor) -> Iterator[tuple[str, Tensor]]:
    """A term's rows of each third, by name. A term of K·B values has the B rows K times."""
    thirds = thirds.repeat(len(term.values) // len(thirds))
    for number, third in enumerate(THIRDS):
        counted = thirds == number
        yield (
            f"{name} ({third})",
            sum_and_count(term.values, counted if term.counted is None else counted & term.counted),
        )


def _gradients(losses: Mapping[str, Term], parameters: Sequence[nn.Parameter]) -> dict[str, Tensor]:
    """The norm of the gradient of each weighted term, and its cosine with that of L_static.

    A gradient of zero has no direction.
    """
    gradients = {name: _gradient(term.weight * term.values.mean(), parameters) for name, term in losses.items()}
    norms = {name: gradient.norm() for name, gradient in gradients.items()}
    values = {_norm(name): sum_and_count(norm[None]) for name, norm in norms.items()}
    for name in _compared_with_static(losses):
        product = norms["static"] * norms[name]
        cosine = gradients["static"] @ gradients[name] / product.clamp(min=torch.finfo(product.dtype).tiny)
        values[_cosine(name)] = sum_and_count(cosine[None], product[None] > 0)
    return values


def _no_gradients(losses: Mapping[str, Term], parameters: Sequence[nn.Parameter]) -> dict[str, Tensor]:
    """The names of a step in which gradients are not measured."""
    nothing = losses["static"].values.new_zeros(2)
    names = [*map(_norm, losses), *map(_cosine, _compared_with_static(losses))]
    return dict.fromkeys(names, nothing)


def _gradient(loss: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """The gradient of a scalar in one vector, float32. The graph is kept for the backward pass."""
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True)
    return torch.cat([gradient.float().flatten() for gradient in gradients])


def _compared_with_static(losses: Mapping[str, Term]) -> list[str]:
    return [name for name in losses if name != "static"]


def _norm(name: str) -> str:
    return f"gradient norm ({name})"


def _cosine(name: str) -> str:
    return f"gradient cosine with static ({name})"
