"""What the recipes of all stages share."""

import math
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from multiposenet import zoo

SCHEDULES = ("cosine", "plateau", "constant")
PRECISIONS = ("float32", "bfloat16", "onednn_bfloat16")


@dataclass(frozen=True)
class Recipe:
    """What every stage needs. A step is a step of the optimizer.

    Attributes:
        backbone: name of the model's backbone, the same in all stages of a run.
        batch_size: samples per step, those of all devices and accumulated parts together.
        accumulate: parts a step's batch is computed in, one after the other, to save memory; their
            gradients are averaged.
        learning_rate: after warm-up.
        schedule: ``"cosine"`` falls to 1 % of the learning rate, ``"plateau"`` multiplies it by
            ``plateau_factor`` whenever ``plateau_patience`` checks in a row bring no better
            validation figure (the training loss, if nothing is validated), ``"constant"`` keeps it.
        warmup: steps of linear warm-up.
        plateau_patience: checks without a better figure before the learning rate falls.
        plateau_factor: what the learning rate is multiplied by.
        weight_decay: decoupled; 0 is plain Adam.
        clip_norm: greatest global norm of the gradient; 0 does not clip.
        ema: momentum of the weight average that the stage is left with; 0 does not average.
        precision: ``"float32"``, ``"bfloat16"`` (Keras' mixed precision: float32 weights and
            losses) or ``"onednn_bfloat16"`` (TensorFlow's CPU kernels choose, the loss included;
            float32 elsewhere). The last is the fastest on CPUs and sound for the nano, but gives
            gradients that are not finite for some small networks: then training stops.
        validate_every: steps between validations, which are the checks of the plateau; 0 for none
            but the one after the last step.
        patience: validations in a row without a better first figure after which the stage ends;
            0 trains to the last step.
        keep_best: whether the stage is left with the weights of its best validation, of
            ``RUN/NAME_best.npz``, instead of the last ones.
        seed: of everything random.

    Raises:
        ValueError: a value is out of range.
    """

    # Former to present name of fields, which run records may have; no annotation: no field.
    FORMER_NAMES = {}

    backbone: str = "efficientnet_lite0"
    batch_size: int = 16
    accumulate: int = 1
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    warmup: int = 100
    plateau_patience: int = 3
    plateau_factor: float = 0.1
    weight_decay: float = 0.05
    clip_norm: float = 10.0
    ema: float = 0.998
    precision: str = "onednn_bfloat16"
    validate_every: int = 1000
    patience: int = 0
    keep_best: bool = False
    seed: int = 0

    def __post_init__(self):
        self._choice("schedule", SCHEDULES)
        self._choice("precision", PRECISIONS)
        for name in ("batch_size", "accumulate", "plateau_patience"):
            self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in ("warmup", "validate_every", "patience", "seed", "weight_decay", "clip_norm"):
            self._check(name, 0 <= getattr(self, name) < math.inf, "0 or more")
        self._check("seed", self.seed < 2**32, "0 to 4294967295")
        self._check("learning_rate", 0 < self.learning_rate < math.inf, "more than 0")
        self._check("plateau_factor", 0 < self.plateau_factor < 1, "between 0 and 1")
        self._check("ema", 0 <= self.ema < 1, "at least 0 and less than 1")
        self._check(
            "accumulate",
            self.batch_size % self.accumulate == 0,
            f"a divisor of batch_size, {self.batch_size}",
        )
        self._check(
            "validate_every",
            self.schedule != "plateau" or self.validate_every > 0,
            "more than 0 for the plateau schedule",
        )
        self._check(
            "validate_every",
            not self.patience or self.validate_every > 0,
            "more than 0 with a patience",
        )

    def _choice(self, name, choices):
        self._check(name, getattr(self, name) in choices, f"one of {', '.join(choices)}")

    def _check_pretrained(self, *others, files=MappingProxyType({})):
        """``pretrained`` is a model of the zoo, a folder, ``"none"``, one of these others, or a
        file of others' weights.

        Args:
            *others: names.
            files: suffix of such a file to whose weights it has.
        """
        known, path = ("none", *others, *zoo.names()), Path(self.pretrained)
        self._check(
            "pretrained",
            self.pretrained in known or path.is_dir() or (path.suffix in files and path.is_file()),
            f"one of {', '.join(known)}, the folder of a run"
            + "".join(f", or a FILE{suffix} of {whose}" for suffix, whose in files.items()),
        )

    def _check(self, name, fine, wanted):
        if not fine:
            raise ValueError(f"{name}: {getattr(self, name)!r} is out of range; use {wanted}")
