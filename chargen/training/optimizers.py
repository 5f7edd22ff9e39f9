"""AdamW and plain SGD, on the gradients that lie at the parameters.

AdamW is called in its functional form: the classes of `torch.optim` load PyTorch's compiler, a second at every start.
"""

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw


class SGD:
    """Plain gradient descent; the weight decay is an L2 penalty. Has no state."""

    def __init__(self, model: nn.Module, weight_decay: float):
        self.model, self.weight_decay = model, weight_decay
        self.moments: dict[str, Tensor] = {}

    @torch.no_grad()
    def step(self, step: int, learning_rate: float, scale: Tensor) -> None:
        """Update the weights; see `AdamW.step`."""
        for parameter in self.model.parameters():
            gradient = parameter.grad
            assert gradient is not None, "a backward pass comes first"
            gradient.div_(scale)
            if parameter.ndim > 1 and self.weight_decay:
                gradient.add_(parameter, alpha=self.weight_decay)
            parameter.add_(gradient, alpha=-learning_rate)


class AdamW:
    """Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", with betas 0.9 and 0.99.

    Attributes:
        moments: the running means of the gradients and of their squares, by the names of the parameters.
    """

    def __init__(self, model: nn.Module, weight_decay: float):
        self.moments = {
            f"{kind}.{name}": torch.zeros_like(parameter)
            for kind in ("mean", "square")
            for name, parameter in model.named_parameters()
        }
        named = list(model.named_parameters())
        matrices = [(name, parameter) for name, parameter in named if parameter.ndim > 1]
        biases = [(name, parameter) for name, parameter in named if parameter.ndim == 1]
        self._groups = ((matrices, weight_decay), (biases, 0.0))
        self._steps = {name: torch.zeros((), device=parameter.device) for name, parameter in named}
        self._next = 0  # the steps they count; they stay on the device, because sending a number to it waits

    def step(self, step: int, learning_rate: float, scale: Tensor) -> None:
        """Update the weights.

        Args:
            step: steps done before this one, which the correction of the moments depends on.
            scale: one number, which the gradients are divided by.
        """
        if step != self._next:
            for counter in self._steps.values():
                counter.fill_(step)
        self._next = step + 1
        for group, weight_decay in self._groups:
            names, parameters = zip(*group, strict=True)
            with torch.no_grad():
                adamw(
                    list(parameters),
                    [parameter.grad for parameter in parameters],
                    [self.moments[f"mean.{name}"] for name in names],
                    [self.moments[f"square.{name}"] for name in names],
                    [],
                    [self._steps[name] for name in names],  # adamw counts them up
                    foreach=False,
                    fused=True,
                    amsgrad=False,
                    beta1=0.9,
                    beta2=0.99,
                    lr=learning_rate,
                    weight_decay=weight_decay,
                    eps=1e-8,
                    maximize=False,
                    grad_scale=scale,
                )


def make_optimizer(name: str, model: nn.Module, weight_decay: float) -> AdamW | SGD:
    """Return the optimizer of that name, one of `chargen.training.settings.OPTIMIZERS`."""
    return AdamW(model, weight_decay) if name == "adamw" else SGD(model, weight_decay)
