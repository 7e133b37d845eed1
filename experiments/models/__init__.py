from experiments.models.eval_set import EvalCase, EvalSet
from experiments.models.experiment import Experiment, ExperimentSuite, SuiteRole
from experiments.models.model_version import ModelVersion
from experiments.models.output import Output
from experiments.models.pair_import import ImportProblem, PairImport
from experiments.models.upload import Upload, UploadChunk

__all__ = [
    "EvalCase",
    "EvalSet",
    "Experiment",
    "ExperimentSuite",
    "ImportProblem",
    "ModelVersion",
    "Output",
    "PairImport",
    "SuiteRole",
    "Upload",
    "UploadChunk",
]
