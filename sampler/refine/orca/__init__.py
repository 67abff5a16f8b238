"""ORCA: inputs and job scripts for a set of clusters, outputs back into clusters, failed jobs again."""

from .folder import OrcaFolder, read_folder
from .inputs import read_manifest, write_inputs
from .outputs import OrcaResult, Thermochemistry, read_output, read_outputs
from .presets import PRESETS, Preset
from .resubmit import Resubmission, resubmit

__all__ = [
    "PRESETS",
    "OrcaFolder",
    "OrcaResult",
    "Preset",
    "Resubmission",
    "Thermochemistry",
    "read_folder",
    "read_manifest",
    "read_output",
    "read_outputs",
    "resubmit",
    "write_inputs",
]
