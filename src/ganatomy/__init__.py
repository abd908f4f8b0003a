"""ganatomy: train, dissect and report on GANs.

The public verbs are the functions below; see `ganatomy.api`.
"""

from .api import dissect, lab, measure, report, sample, train
from .data_verbs import data_get, data_import, data_inspect, data_list, features_train
from .errors import GanatomyError

__all__ = [
    "GanatomyError",
    "data_get",
    "data_import",
    "data_inspect",
    "data_list",
    "dissect",
    "features_train",
    "lab",
    "measure",
    "report",
    "sample",
    "train",
]
