"""Truth from many imperfect labels, and rates from a judge whose errors were measured."""

from experiments.stats.labels.dawid_skene import DawidSkene, dawid_skene
from experiments.stats.labels.judge import judge_corrected_rate
from experiments.stats.labels.ppi import LabelledArm, PpiEstimate, ppi_difference, ppi_mean

__all__ = [
    "DawidSkene",
    "LabelledArm",
    "PpiEstimate",
    "dawid_skene",
    "judge_corrected_rate",
    "ppi_difference",
    "ppi_mean",
]
