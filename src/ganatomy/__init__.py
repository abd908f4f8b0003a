"""ganatomy: train, dissect and report on GANs.

The public verbs are the functions below; see `ganatomy.api`.
"""

from .api import dissect, lab, measure, report, sample, train
from .errors import GanatomyError

__all__ = ["GanatomyError", "dissect", "lab", "measure", "report", "sample", "train"]
