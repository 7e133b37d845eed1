"""How far reviewers agree. Percent agreement, kappa and AC1 belong together: none of them stands alone."""

from annotations.agreement.cohen import cohen_kappa, contingency, pairwise_kappas, weighted_mean_kappa
from annotations.agreement.krippendorff import krippendorff_alpha
from annotations.agreement.multirater import fleiss_kappa, gwet_ac, percent_agreement
from annotations.agreement.result import Agreement, PairAgreement

__all__ = [
    "Agreement",
    "PairAgreement",
    "cohen_kappa",
    "contingency",
    "fleiss_kappa",
    "gwet_ac",
    "krippendorff_alpha",
    "pairwise_kappas",
    "percent_agreement",
    "weighted_mean_kappa",
]
