from annotations.models.assignment import Assignment
from annotations.models.campaign import Campaign
from annotations.models.comparison_task import ComparisonTask
from annotations.models.criterion import Criterion
from annotations.models.flag import Flag
from annotations.models.guidelines_version import GuidelinesVersion
from annotations.models.judgment import Judgment
from annotations.models.seat import Seat

__all__ = [
    "Assignment",
    "Campaign",
    "ComparisonTask",
    "Criterion",
    "Flag",
    "GuidelinesVersion",
    "Judgment",
    "Seat",
]
