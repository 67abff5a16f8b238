"""The search of a tuning: optuna's TPE and Hyperband on an SQLite file that processes share.

Slots are the pieces of work: slot k of the queue is one trial, which the user attribute ``slot`` says. Whoever takes the
slot of a killed process goes on with its trial, so that none stays without an end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MissingDependency, StorageError
from .tune_grid import Range, Values

if TYPE_CHECKING:
    import optuna

DATABASE, NAME, SLOT = "search.db", "tune", "slot"
REDUCTION = 3
_ROOM = 27  # epochs of a training over those of the first rung
_WAIT = 120.0  # s, for others that write


def rungs(epochs: int) -> list[int]:
    """Epochs after which Hyperband compares trials, and may stop one: of all its brackets."""
    at, found = shortest(epochs), []
    while at < epochs:
        found.append(at)
        at *= REDUCTION
    return found


def shortest(epochs: int) -> int:
    """Epochs of the first rung."""
    return max(1, epochs // _ROOM)


def begin(folder: Path, epochs: int, seed: int) -> None:
    """Make the database where it is not there yet; one process at a time, as optuna demands.

    Raises:
        StorageError: it cannot be written, or is damaged. MissingDependency: optuna.
    """
    from importlib.util import find_spec

    if find_spec("optuna") is None:
        raise MissingDependency("optuna", "a search", "tune")
    from filelock import FileLock

    with told(folder / DATABASE), FileLock(folder / ".search.lock"):
        open_search(folder, epochs, seed)


def open_search(folder: Path, epochs: int, seed: int) -> optuna.Study:
    """The study of optuna in the folder of a study of ours. For errors see :func:`told`."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with told(folder / DATABASE):
        storage = optuna.storages.RDBStorage(
            _url(folder / DATABASE), engine_kwargs={"connect_args": {"timeout": _WAIT}}
        )
        pruner = optuna.pruners.HyperbandPruner(shortest(epochs), max(epochs, 1), REDUCTION)
        return optuna.create_study(
            storage=storage, study_name=NAME, direction="minimize", sampler=sampler(seed), pruner=pruner,
            load_if_exists=True,
        )  # fmt: skip


def _url(file: Path) -> str:
    from sqlalchemy.engine import URL

    text = URL.create("sqlite", database=str(file.absolute())).render_as_string()
    return text.replace("{", "{{").replace("}", "}}")  # optuna takes it for a template


def sampler(seed: int):
    """TPE whose random numbers follow from the seed and the number of the trial: a process that was killed asks the same.

    Bergstra et al. 2011, Advances in Neural Information Processing Systems 24; as optuna has it, of all settings at once
    (multivariate), with running trials counted as bad (constant liar).
    """
    import optuna

    from ..random_keys import numbered_key

    class Numbered(optuna.samplers.BaseSampler):
        def _tpe(self, trial, word: str = "") -> optuna.samplers.TPESampler:
            key = numbered_key(seed, 15487469, trial.number, *word.encode())
            return optuna.samplers.TPESampler(
                seed=int(key.generate_state(1)[0]), multivariate=True, constant_liar=True
            )  # fmt: skip

        def infer_relative_search_space(self, study, trial):
            return self._tpe(trial).infer_relative_search_space(study, trial)

        def sample_relative(self, study, trial, search_space):
            return self._tpe(trial).sample_relative(study, trial, search_space)

        def sample_independent(self, study, trial, param_name, param_distribution):
            # by name: what a killed process had asked before is not asked again
            return self._tpe(trial, param_name).sample_independent(study, trial, param_name, param_distribution)

    return Numbered()


def ask(trial: optuna.Trial, space: Mapping[str, Values]) -> dict[str, Any]:
    """A value of each setting; those that the trial has already, it keeps."""
    found: dict[str, Any] = {}
    for name, values in space.items():
        if not isinstance(values, Range):
            found[name] = values[0] if len(values) == 1 else trial.suggest_categorical(name, values)
        elif isinstance(values.low, int):
            found[name] = trial.suggest_int(name, int(values.low), int(values.high), log=True)
        else:
            found[name] = trial.suggest_float(name, values.low, values.high, log=True)
    return found


def slots(search: optuna.Study) -> dict[int, optuna.trial.FrozenTrial]:
    """Slot -> its trial."""
    return {t.user_attrs[SLOT]: t for t in reversed(search.get_trials(deepcopy=False)) if SLOT in t.user_attrs}


@contextlib.contextmanager
def told(file: Path) -> Iterator[None]:
    """Errors of optuna and of SQLite as one line.

    Raises:
        StorageError: the file cannot be written, is no database, or one of another version of optuna.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    from ..storage import storage_error

    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise StorageError(f"{file}: {_remedy(_cause(error))}") from error
    except OSError as error:
        raise storage_error(error, file) from error
    except RuntimeError as error:  # optuna's own check of its version
        if "version" not in str(error):
            raise
        raise StorageError(f"{file} is of another version of optuna; give another --out") from error


def _cause(error: BaseException) -> str:
    """What SQLite said."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).splitlines()[0].strip().rstrip(".")


def _remedy(said: str) -> str:
    known = {
        "readonly": "the file or its disk is read-only; give another --out",
        "unable to open": "it cannot be opened for writing (a read-only disk?); give another --out",
        "disk is full": "the disk is full; free some space and run the same command again, it resumes",
        "locked": "others write to it for too long; a search wants a local disk, and a dozen processes at most",
        "not a database": "it is damaged; remove the folder, or give another --out",
        "malformed": "it is damaged; remove the folder, or give another --out",
        "disk i/o": "the disk gives errors; give another --out",
    }
    found = [text for word, text in known.items() if word in said.lower()]
    return f"{found[0]} ({said})" if found else f"the database of the search fails: {said}"
