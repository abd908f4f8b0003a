"""Everything that can be read from one image as a number: attributes of its pixels, class probabilities, true factors.

Directions in latent space are found from these and named by these. A trait that an image does not have (the position
of a black image, the sleeve of a shoe) is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from torch import Tensor

from ..datasets import atelier
from .attributes import ATTRIBUTES
from .factors import read_factors
from .intervals import Array
from .lens import Lens, Subject

TraitKind = Literal["attribute", "class", "factor"]


@dataclass(frozen=True)
class Trait:
    """One number of an image."""

    name: str
    """As in `brightness`, `class:Bag`, `factor:width`."""
    kind: TraitKind
    unit: str


@dataclass(frozen=True)
class TraitReader:
    """Reads all traits of a generator's images at once."""

    lens: Lens
    traits: tuple[Trait, ...]

    def read(self, z: Tensor) -> Array:
        """Return the traits of the images of latents [N, z_dim]: float64 [traits, N], NaN where not defined."""
        seen = self.lens.see(z)
        rows = [attribute.function(seen) for attribute in ATTRIBUTES.values()]
        kinds = {trait.kind for trait in self.traits}
        if "class" in kinds:
            rows += list(seen.known_probabilities.T)
        if "factor" in kinds:
            rows += list(read_factors(seen.grey, seen.classes).T)
        return np.stack(rows).astype(np.float64)


def trait_reader(subject: Subject) -> TraitReader:
    """Return what reads the traits of a subject's images.

    Attributes always; class probabilities where the feature network knows classes; factors where the data are
    `atelier` and the network knows its classes, for every class has its own reader.
    """
    features = subject.lens.features
    class_names = features.class_names if features else ()
    traits = [Trait(attribute.name, "attribute", attribute.unit) for attribute in ATTRIBUTES.values()]
    traits += [Trait(f"class:{name}", "class", "probability") for name in class_names]
    if subject.dataset and subject.dataset.name == atelier.NAME and class_names == atelier.CLASS_NAMES:
        traits += [Trait(f"factor:{name}", "factor", "share of its range") for name in atelier.FACTORS]
    # Neither the balls of real images nor D have a say here, and looking through them costs time.
    return TraitReader(replace(subject.lens, real=None, D=None), tuple(traits))
