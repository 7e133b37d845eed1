"""The plan of a production A/B test: what is registered and hashed before the first unit. Pure: no Django.

Amounts of an event (the `field` of a metric, of its denominator and of its covariate):
"value" is the event's value, "count" is 1 for every event, "properties.NAME" is that number among its properties; an
event without a number there does not count.
"""

from experiments.live_plan.curves import Curve as Curve
from experiments.live_plan.curves import curves as curves
from experiments.live_plan.curves import days_for as days_for
from experiments.live_plan.metrics import ROLES as ROLES
from experiments.live_plan.metrics import Covariate as Covariate
from experiments.live_plan.metrics import Direction as Direction
from experiments.live_plan.metrics import Kind as Kind
from experiments.live_plan.metrics import Metric as Metric
from experiments.live_plan.metrics import Per as Per
from experiments.live_plan.metrics import Role as Role
from experiments.live_plan.metrics import Sum as Sum
from experiments.live_plan.plan import LEAST_PER_ARM as LEAST_PER_ARM
from experiments.live_plan.plan import Correction as Correction
from experiments.live_plan.plan import Method as Method
from experiments.live_plan.plan import Plan as Plan
from experiments.live_plan.plan import Routing as Routing
from experiments.live_plan.plan import Spending as Spending
from experiments.live_plan.plan import in_force as in_force
from experiments.live_plan.plan import metrics_of as metrics_of
from experiments.live_plan.plan import one_more_metric as one_more_metric
from experiments.live_plan.presets import PRESETS as PRESETS
from experiments.live_plan.problems import PlanRefused as PlanRefused
from experiments.live_plan.problems import Problem as Problem
from experiments.live_plan.sizing import inflation as inflation
from experiments.live_plan.sizing import planned_size as planned_size
