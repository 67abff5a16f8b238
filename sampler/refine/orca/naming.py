"""The name of the level of theory that an ORCA input stands for.

What changes an energy is in the name: method, dispersion and counterpoise corrections, basis, auxiliary basis where it
is not the natural one, relativistic treatment, solvent, pair natural orbitals, frozen core, integration grid,
approximations of integrals that are not the default. What is known to change nothing else than the course of the
calculation or what is printed is left out. Whatever is not known stays in the name, and a remark says so.
"""

from __future__ import annotations

import re

from . import source, words

_SAME = {
    "b973c": "b97-3c", "r2scan3c": "r2scan-3c", "wb97x3c": "wb97x-3c", "pbeh3c": "pbeh-3c", "hf3c": "hf-3c",
    "b3lyp_g": "b3lyp/g", "d3": "d3bj", "d3(bj)": "d3bj", "d3(0)": "d3zero", "xtb": "gfn2-xtb", "xtb2": "gfn2-xtb",
    "xtb1": "gfn1-xtb", "xtb0": "gfn0-xtb", "norijcosx": "nocosx", "dkh2": "dkh",
}  # fmt: skip
_LONGEST = 60
"""Characters of the settings of a block that a name shows; longer ones are told apart by a checksum."""


def method_of(keywords: list[str], version: str = "", input_text: str = "") -> str:
    """The method, basis and so on, lower case: ``b97-3c``, ``dlpno-ccsd(t)/aug-cc-pvtz/tightpno``; '' for nothing.

    Args:
        keywords: words of the simple input line.
        version: of ORCA, for its defaults; '' for those of the latest.
        input_text: the whole input, whose blocks may change the energy as well.
    """
    return _describe(list(keywords), version, input_text)[0]


def level(keywords: list[str], version: str, input_text: str = "") -> str:
    """Identifier of the level of theory, with the program and its major version: ``b97-3c@orca5``."""
    return level_and_remarks(keywords, version, input_text)[0]


def level_and_remarks(keywords: list[str], version: str, input_text: str = "") -> tuple[str, tuple[str, ...]]:
    """:func:`level`, and in words what of the input was not understood and stays in the name as it is."""
    method, remarks = _describe(list(keywords), version, input_text)
    return (f"{method}@orca{version.split('.')[0]}" if method and version else ""), remarks


def linked(energy: str, geometry: str) -> str:
    """``A//B``: energy at the level ``A``, geometry (and vibrations) at ``B``; ``A`` where both are one."""
    return energy if energy == geometry else f"{energy}//{geometry}" if energy and geometry else ""


# ---- pieces ----------------------------------------------------------------------------------------------------------


def _describe(keywords: list[str], version: str, input_text: str) -> tuple[str, tuple[str, ...]]:
    parts: dict[str, list[str]] = {kind: [] for kind in words.KINDS}
    unknown: list[str] = []
    more, settings = _from_blocks(input_text)
    for word in [*keywords, *more]:
        word = word.lower()
        word = _SAME.get(word, word)
        kind = words.kind(word)
        if kind == "unknown":
            unknown.append(word)
        if kind != "neutral" and word not in parts[kind]:
            parts[kind].append(word)
    _settle(parts, version)
    order = ("basis", "auxiliary", "integrals", "relativistic", "solvent", "pno", "core", "grid", "other")
    method = "-".join(parts["method"] + sorted(parts["dispersion"]) + parts["gcp"] + parts["unknown"])
    if not method and (any(parts[kind] for kind in order) or parts["reference"]):
        method = "hf"  # ORCA's method where none is given
    named = [_short(name, body) for name, body in settings]
    pieces = [method, *(w for kind in order for w in parts[kind]), *sorted(named)]
    remarks = [f"the keyword {word!r} is not known and stays in the level" for word in unknown]
    remarks += [f"the block %{name} sets {body!r}, which stays in the level" for name, body in settings]
    return "/".join(p for p in pieces if p), tuple(remarks)


def _settle(parts: dict[str, list[str]], version: str) -> None:
    """Leave out what is the default, or comes with something else that is named."""
    methods, bases = parts["method"], parts["basis"]
    correlated = [m for m in methods if words.correlated(m)]
    if correlated or len(methods) > 1:
        parts["method"] = [m for m in methods if m != "hf"]
    if parts["reference"] and not methods:
        parts["method"] = ["hf"]
    parts["other"] += [w for w in parts["reference"] if w.startswith("ro")]
    natural = {f"{b}/c" for b in bases} | {f"{b}-cabs" for b in bases}
    given = [a for a in parts["auxiliary"] if a not in natural]
    if "autoaux" in given and (not correlated or any(a.endswith("/c") for a in parts["auxiliary"])):
        given.remove("autoaux")
    parts["auxiliary"] = given
    parts["grid"] = [g for g in parts["grid"] if g != "defgrid2"]
    parts["core"] = [c for c in parts["core"] if c != "frozencore"]
    parts["integrals"] = [w for w in parts["integrals"] if not _default(w, parts["method"], version)]
    parts["solvent"] = _solvent(parts["solvent"])


def _solvent(given: list[str]) -> list[str]:
    """The model with its solvent in brackets, once: ``%cpcm smd true smdsolvent "water" end`` is ``smd(water)``."""
    models = {g.partition("(")[0]: g for g in sorted(given, key=len)}
    if "smd" in models and "cpcm" in models:
        of_cpcm = models.pop("cpcm").partition("(")[2]
        if "(" not in models["smd"] and of_cpcm:
            models["smd"] = f"smd({of_cpcm}"
    return sorted(models.values())


def _default(word: str, methods: list[str], version: str) -> bool:
    """Whether ORCA approximates integrals that way unasked: the Coulomb part of density functionals, exchange since 5."""
    functional = any(words.functional(m) for m in methods)
    recent = not version or not version[0].isdigit() or int(version.split(".")[0]) >= 5
    if word == "ri":
        return functional
    if word == "rijcosx":
        return functional and recent
    return word in ("nori", "nocosx") and not (functional and (recent or word == "nori"))


def _from_blocks(input_text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Words that blocks stand for, and (block, its settings) of what else may change an energy."""
    found: list[str] = []
    kept: list[tuple[str, str]] = []
    for name, body in source.blocks(input_text):
        if name in words.NEUTRAL_BLOCKS:
            continue
        for pattern, form in words.SETTINGS.get(name, ()):
            for match in re.finditer(pattern, body, re.I):
                found.append(form.format(match[1].strip("\"'").lower()))
            body = re.sub(pattern, " ", body, flags=re.I)
        rest = words.without_neutral(name, body)
        if rest or name not in words.KNOWN_BLOCKS:
            kept.append((name, rest))
    return found, kept


def _short(name: str, body: str) -> str:
    if len(body) > _LONGEST:
        import hashlib

        body = "sha256:" + hashlib.sha256(body.encode()).hexdigest()[:8]
    return f"%{name}({body})" if body else f"%{name}"
