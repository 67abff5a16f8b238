"""Frequency scaling factors by method; a name that is not listed is an error."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InputError
from ...text.nearest import suggested

_TRUHLAR = "Truhlar group database version 5 (doi:10.1021/ct100326h), as shipped with GoodVibes 4.4"


@dataclass(frozen=True)
class Scaling:
    """Factors that frequencies are multiplied with.

    Attributes:
        method: the name it goes by. harmonic: for thermal energies and entropies. zero_point: for the zero-point
            energy. source: where both come from.
    """

    method: str
    harmonic: float
    zero_point: float
    source: str

    def __post_init__(self):
        for value in (self.harmonic, self.zero_point):
            if not 0.5 < value < 1.5:
                raise InputError(f"a frequency scaling factor of {value} is not believable; expected about 0.9 to 1.1")


def _truhlar(method: str, harmonic: float, zero_point: float) -> Scaling:
    return Scaling(method, harmonic, zero_point, _TRUHLAR)


UNSCALED = Scaling("none", 1.0, 1.0, "frequencies as computed")

_TABLE = {
    s.method: s
    for s in (
        UNSCALED,
        Scaling(
            "acdb", 0.996, 0.996,
            "the wB97X-D/6-31++G(d,p) thermochemistry of the atmospheric cluster database (doi:10.1021/acsomega.9b00860)",
        ),
        _truhlar("b3lyp/6-31g(d)", 0.991, 0.977),
        _truhlar("b3lyp/6-311++g(d,p)", 0.998, 0.985),
        _truhlar("m06-2x/6-31+g(d,p)", 0.981, 0.968),
        _truhlar("m06-2x/6-311++g(d,p)", 0.983, 0.970),
        _truhlar("wb97x-d/6-31g(d,p)", 0.982, 0.968),
        _truhlar("wb97x-d/6-31+g(d,p)", 0.985, 0.971),
        _truhlar("wb97x-d/def2-tzvp", 0.989, 0.975),
    )
}  # fmt: skip


def scaling_methods() -> list[str]:
    """The names that :func:`scaling` knows."""
    return list(_TABLE)


def scaling(method: str | float) -> Scaling:
    """The factors of a method, or one number for everything.

    Raises:
        InputError: no factor is known for the method. For B97-3c and GFN1-xTB no published one is known to us.
    """
    try:
        number = float(method)
    except ValueError:
        pass
    else:
        return Scaling(f"{number:g}", number, number, "given by the user")
    name = str(method).strip().lower().replace("ωb97", "wb97").replace("ω", "w").replace("**", "(d,p)")
    if name not in _TABLE:
        raise InputError(
            f"no frequency scaling factor is known for {method!r}; {suggested(name, _TABLE)}known: {', '.join(_TABLE)}; "
            "give a number, or none for frequencies as computed"
        )
    return _TABLE[name]
