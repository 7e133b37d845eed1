from experiments.models.benchmark_run import (
    Attempt,
    BenchmarkRun,
    ErrorClass,
    RunItem,
    RunScorer,
    Score,
)
from experiments.models.blinded_pair import BlindedPair
from experiments.models.campaign_plan import CampaignPlan
from experiments.models.campaign_result import CampaignResult, ExperimentResult
from experiments.models.decision import Decision, DecisionHook, HookDelivery
from experiments.models.endpoint import Endpoint, EndpointSlots, EndpointState
from experiments.models.eval_set import EvalCase, EvalSet
from experiments.models.evidence import DashboardVisit, EvidenceSnapshot, VerdictChange
from experiments.models.experiment import Experiment, ExperimentSuite, SuiteRole
from experiments.models.file_import import FileImport, ImportProblem
from experiments.models.gold_answer import GoldAnswer
from experiments.models.judgment_import import JudgmentImport
from experiments.models.live_test import LiveAmendment, LiveLook, LivePlan, LiveResult, LiveTest
from experiments.models.live_traffic import (
    ArmConflict,
    EventBatch,
    Exposure,
    LiveEvent,
    RefusedEvent,
    UnitMetric,
)
from experiments.models.model_version import ModelVersion
from experiments.models.output import Output
from experiments.models.pipeline_run import PipelineRun
from experiments.models.plan_amendment import PlanAmendment
from experiments.models.policy import ExperimentPolicy, RegisteredPolicy
from experiments.models.run_comparison import CaseChange, RunComparison
from experiments.models.sequential_stop import SequentialStop
from experiments.models.unblinding import Unblinding
from experiments.models.upload import Upload, UploadChunk

__all__ = [
    "ArmConflict",
    "Attempt",
    "BenchmarkRun",
    "BlindedPair",
    "CampaignPlan",
    "CampaignResult",
    "CaseChange",
    "DashboardVisit",
    "Decision",
    "DecisionHook",
    "Endpoint",
    "EndpointSlots",
    "EndpointState",
    "ErrorClass",
    "EvalCase",
    "EvalSet",
    "EventBatch",
    "EvidenceSnapshot",
    "Experiment",
    "ExperimentPolicy",
    "ExperimentResult",
    "ExperimentSuite",
    "Exposure",
    "FileImport",
    "GoldAnswer",
    "HookDelivery",
    "ImportProblem",
    "JudgmentImport",
    "LiveAmendment",
    "LiveEvent",
    "LiveLook",
    "LivePlan",
    "LiveResult",
    "LiveTest",
    "ModelVersion",
    "Output",
    "PipelineRun",
    "PlanAmendment",
    "RefusedEvent",
    "RegisteredPolicy",
    "RunComparison",
    "RunItem",
    "RunScorer",
    "Score",
    "SequentialStop",
    "SuiteRole",
    "Unblinding",
    "UnitMetric",
    "Upload",
    "UploadChunk",
    "VerdictChange",
]
