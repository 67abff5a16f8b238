"""The errors a user can meet, one tree.

* SamplerError
  + InputError            a value, file or option that cannot be used
    - CompositionError    a cluster name or charge that has no meaning
    - MonomerError        an unknown or unusable molecule
    - ProtocolError       a protocol file with mistakes (all of them listed)
    - FileFormatError     an empty, truncated or foreign file
  + LevelError            energies of different levels, engines or reference sets mixed
  + PotentialError        a potential that is unknown, missing or unusable
    - MissingDependency   an engine whose package is not installed
    - ModelError          a trained model that cannot be trusted or does not apply
  + RunError              a run directory that cannot be used
    - RunBusy             … because another process works in it
    - StorageError        … because the disk is full or read-only
    - NoWorkers           … because no machine can compute (no dask scheduler, unfit dask workers, SLURM's jobs gone)
    - TrainingDiverged    … because the loss of a training is no number any more
    - WaitingForJobs      … before jobs that run elsewhere have left their outputs

The message says what was wrong, where, and what to do. The command line prints it on one line and exits with
status 2 (input) or 1 (everything else).
"""

from .remedy import install


class SamplerError(Exception):
    """Base of all errors that a user can cause or cure.

    >>> import sampler
    >>> try:
    ...     sampler.Composition.parse("4sa4xx")
    ... except sampler.SamplerError as error:
    ...     print(type(error).__name__)
    CompositionError
    """

    exit_code = 1


class InputError(SamplerError):
    exit_code = 2


class CompositionError(InputError):
    pass


class MonomerError(InputError):
    pass


class ProtocolError(InputError):
    """``mistakes`` holds one line per mistake, each with its path and value."""

    def __init__(self, message: str, mistakes: tuple[str, ...] = ()):
        super().__init__(message)
        self.mistakes = mistakes


class FileFormatError(InputError):
    pass


class LevelError(SamplerError):
    exit_code = 2


class PotentialError(SamplerError):
    pass


class MissingDependency(PotentialError):
    """``package`` is not installed; ``extra`` is the extra of cluster-sampler that brings it ('' if none)."""

    def __init__(self, package: str, purpose: str, extra: str = ""):
        remedy = install(extra) if extra else f"pip install {package}"
        super().__init__(f"{purpose} needs the package {package}, which is not installed; remedy: {remedy}")
        self.package, self.purpose, self.extra = package, purpose, extra

    def __reduce__(self):  # it crosses process borders, and its arguments are not its message
        return type(self), (self.package, self.purpose, self.extra)


class ModelError(PotentialError):
    pass


class RunError(SamplerError):
    pass


class RunBusy(RunError):
    pass


class StorageError(RunError):
    pass


class NoWorkers(RunError):
    pass


class TrainingDiverged(RunError):
    """The loss of a training is not a number; a lower learning rate helps."""


class WaitingForJobs(RunError):
    """A stage that runs elsewhere (ORCA on another machine) has written its inputs and awaits the outputs."""

    exit_code = 3
