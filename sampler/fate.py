"""Why a structure does not go on: the values of the column ``fate``."""

from __future__ import annotations

from enum import StrEnum


class Fate(StrEnum):
    """Its members are strings, and are stored as such: columns and files hold the values.

    A potential outside this package, or ORCA, may give a reason that is not here; it is kept as it is. What says more goes
    to the column ``fate_detail``. ``meaning`` is what a member means, in a sentence.
    """

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Fate:
        fate = str.__new__(cls, value)
        fate._value_, fate.meaning = value, meaning
        return fate

    GOES_ON = "", "Nothing is wrong with it."

    UNSOUND = "unsound", "A generated candidate with a clash or in several parts, which drawing anew did not mend."
    NO_MOVE = "no_move", "A child for whose parent no move is possible."
    RETURNED = "returned", "A child that fell back to its parent's minimum or its mirror image."

    EMPTY = "empty", "It has no atoms."
    NAN = "nan", "A coordinate, the energy or a force is not a number."
    CLASH = "clash", "Two atoms are too close."
    ELEMENT = "element", "The potential does not know one of its elements."
    CHARGE = "charge", "The potential does not know its charge."
    COMPOSITION = "composition", "It is not made of the molecules that the potential has energies of."
    OPEN_SHELL = "open_shell", "It has unpaired electrons, and the potential treats closed shells only."
    SCF_FAILED = "scf_failed", "The electronic structure did not converge."
    OUT_OF_MEMORY = "out_of_memory", "The engine's memory did not suffice."
    ENGINE_ERROR = "engine_error", "Another error of the engine."
    CRASHED = "crashed", "It takes its worker process down, even alone."
    FAILED = "failed", "A job elsewhere left nothing that is of use."

    INTERRUPTED = "interrupted", "The time for the relaxation was over."
    NOT_CONVERGED = "not_converged", "No minimum within the steps allowed, where only minima are wanted."
    DISPLACED = "displaced", "An atom moved further than allowed."
    EXPLODED = "exploded", "It flew apart, or collapsed."
    EVAPORATED = "evaporated", "It is not one connected cluster."
    REACTED = "reacted", "A covalent bond changed."

    DUPLICATE = "duplicate", "The same minimum as the structure that its detail names."
    NOT_COMPARABLE = (
        "not_comparable",
        "It cannot be compared with others: no atoms, no energy, or not a number among them.",
    )
    NO_ENERGY = "no_energy", "A selection by energy has none to go by."
    ABOVE_WINDOW = "above_window", "Its energy lies too high above the lowest."
    NOT_SELECTED = "not_selected", "Others were chosen."
