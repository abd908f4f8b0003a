"""Data sets that a fabricated lab can be on, one for each thing that a page must bear."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

FASHION_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
ATELIER_NAMES = (
    "T-shirt", "Sweater", "Coat", "Dress", "Skirt", "Trousers", "Shorts", "Sneaker", "Boot", "High heel",
)  # fmt: skip
CLASS_MEASURES = ("confidence", "class_flip", "class_entropy", "top_class_share")
REASON = (
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/train-images-idx3-ubyte.gz could not be "
    "fetched: no network (Errno 101)"
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One data set as `Dataset.describe` and the measurement tell it."""

    data: str = "fashion-mnist"
    kind: str = ""
    """Empty: a run from before data.json."""
    class_names: tuple[str, ...] = FASHION_NAMES
    features: str = "fashion-v1"
    second: str = ""
    """A further feature network that both runs were measured with."""
    memory: bool = True
    """Whether memorisation was measured."""
    img_shape: tuple[int, int, int] = (1, 28, 28)
    num_train: int = 60_000
    num_test: int = 10_000
    fallback: str = ""
    findings: dict[str, Any] | None = None

    @property
    def known_names(self) -> tuple[str, ...]:
        """Classes that the feature network knows."""
        return () if self.features == "random-v1" else self.class_names

    @property
    def message(self) -> str | None:
        """What the measurement says beside the scores, as `metrics.evaluate` words it."""
        if self.known_names:
            return None
        start = f"classes and confidence were not measured, for the feature network {self.features} knows no classes"
        if not self.class_names:
            return (
                f"{start} and no other can be trained: {self.data} has no classes; put its images into one folder per "
                "class."
            )
        return f"{start}; `ganatomy features train DATA` trains one on {self.data}, then measure again."

    def claim_reason(self, claim: str, run: str) -> str | None:
        """Why a claim cannot be decided, as the laboratory words it."""
        if claim in ("C6", "C7", "C8") and not self.known_names:
            return (
                f"the feature network {self.features} knows no classes, so those of {run} were not measured; for data "
                "with classes `ganatomy features train DATA` makes a network that does."
            )
        if claim == "C8" and "Trouser" not in self.class_names:
            return f"the data of {run} have no class called trouser."
        return None

    def data_json(self) -> dict[str, Any]:
        """Return data.json."""
        return {
            "name": self.data,
            "sha256": "c5" * 32,
            "kind": self.kind,
            "fallback": self.fallback,
            "class_names": list(self.class_names),
            "num_train": self.num_train,
            "num_test": self.num_test,
            "img_shape": list(self.img_shape),
            "findings": self.findings,
        }


def findings(
    classes: tuple[str, ...], img_shape: tuple[int, int, int], num_train: int, num_test: int
) -> dict[str, Any]:
    """Return findings as the reader writes them (`datasets.findings.Findings.to_dict`)."""
    channels, height, width = img_shape
    rows = [
        {"name": name, "num_train": num_train // len(classes), "num_test": 3 * (i + 1)}
        for i, name in enumerate(classes)
    ]
    return {
        "kind": "folder",
        "source": "birds",
        "num_files": num_train + num_test + 23,
        "num_images": num_train + num_test,
        "classes": rows,
        "sizes": [{"height": 480 - 16 * i, "width": 320, "num": 200 // (i + 1)} for i in range(9)],
        "num_other_sizes": 4,
        "modes": [{"format": "JPEG", "mode": "RGB", "num": 280}, {"format": "PNG", "mode": "RGBA", "num": 20}],
        "conversions": [
            {"id": "alpha_on_white", "num": 20, "examples": ["finch/a_1.png", "finch/a_2.png", "owl/b.png"]},
            {"id": "exif_turned", "num": 3, "examples": []},
            {"id": "something_new", "num": 1, "examples": ["x.png"]},
        ],
        "refused": [
            {"file": f"tern/IMG_{i:04d}.heic", "reason": ".heic pictures are not read; save it as PNG or JPEG"}
            for i in range(22)
        ]
        + [{"file": "tern/<b>evil</b> | `x`.png", "reason": "the file is cut short"}],
        "near_duplicates": {"num": 7, "num_exact": 2, "pairs": [{"first": "a.png", "second": "b.png", "exact": True}]},
        "decisions": [
            {"id": "size", "value": f"{height}x{width}", "reason": "asked for with --size"},
            {
                "id": "fit",
                "value": "pad",
                "reason": "scaled to fit in, the rest filled with the median colour of the picture's rim",
            },
            {
                "id": "channels",
                "value": channels,
                "reason": "280 of 300 pictures have colour, the first is finch/a_1.png",
            },
            {
                "id": "split",
                "value": "drawn",
                "reason": "no folders say; a fixed draw sets aside 1 in 10, of every class alike: 270 + 30 pictures",
            },
        ],
        "img_shape": list(img_shape),
        "num_train": num_train,
        "num_test": num_test,
    }


BIRDS = ("barn_owl", "Dress", "great spotted woodpecker")
"""Names with an underscore, with a name of another set, and too long for a plot."""
FASHION = Variant()
VARIANTS = {
    "fashion": FASHION,
    "known": Variant(kind="catalogue", second="fashion-v1b"),
    "fallback": Variant(
        data="atelier", kind="drawn", class_names=ATELIER_NAMES, features="random-v1", fallback=REASON
    ),
    "atelier": Variant(data="atelier", kind="drawn", class_names=ATELIER_NAMES, features="atelier-v1"),
    "birds": Variant(
        data="my_birds", kind="own", class_names=BIRDS, features="own-1a2b3c4d", img_shape=(3, 48, 32), num_train=2700,
        num_test=300, findings=findings(BIRDS, (3, 48, 32), 2700, 300),
    ),
    "unlabelled": Variant(
        data="my_photos", kind="own", class_names=(), features="random-v1", img_shape=(3, 48, 32), num_train=270,
        num_test=30, findings=findings((), (3, 48, 32), 270, 30),
    ),
    "tiny": Variant(
        data="stamps", kind="own", class_names=BIRDS, features="random-v1", img_shape=(1, 9, 13), num_train=900,
        num_test=100, findings=findings(BIRDS, (1, 9, 13), 900, 100),
    ),
    "large": Variant(
        data="faces", kind="own", class_names=tuple(f"person {i}" for i in range(60)), features="own-1a2b3c4d",
        img_shape=(3, 128, 128), num_train=6000, num_test=1200, memory=False,
    ),
}  # fmt: skip


def bare(variant: Variant) -> Variant:
    """Return the variant with findings of which nearly every part is missing or of another form."""
    odd: dict[str, Any] = {"kind": "npz", "sizes": None, "modes": [{}], "refused": "none", "decisions": [{}, 3]}
    odd |= {"conversions": [{"num": 3}], "near_duplicates": [], "num_files": "many", "classes": [{"name": "owl"}]}
    return dataclasses.replace(variant, findings=odd)
