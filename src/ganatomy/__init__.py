"""ganatomy: train, dissect and report on GANs.

The public verbs are the functions below; see `ganatomy.api`.
"""

from .api import dissect, lab, measure, report, sample, train
from .data_verbs import data_get, data_import, data_inspect, data_list, features_train
from .errors import GanatomyError
from .judge_verbs import compare, doctor
from .walk_verb import walk

__all__ = [
    "GanatomyError",
    "compare",
    "data_get",
    "data_import",
    "data_inspect",
    "data_list",
    "dissect",
    "doctor",
    "features_train",
    "lab",
    "measure",
    "report",
    "sample",
    "train",
    "walk",
]
