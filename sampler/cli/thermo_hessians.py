"""Hessians of runs and of files of structures, at one level; finished ones survive a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .thermo_wanted import COUNT, Gathered, Source, Wanted, cut, keep


class Hessians:
    """Collects structures, finds the one potential of all, and computes."""

    def __init__(self, wanted: Wanted, known, made: Gathered):
        self.wanted, self.known, self.made = wanted, known, made
        self.structures: list = []
        self.files: list[Source] = []
        self.folders: list[Path] = []  # where earlier commands may have left frequencies
        self.own: dict[str, tuple[str, dict[str, Any]]] = {}
        self.potential = ""
        self.options: dict[str, Any] = {}

    def add_run(self, source: Source) -> None:
        """The lowest structures of a run, and the potential that relaxed it last."""
        import numpy as np

        from ..errors import InputError
        from ..rundir.directory import read_manifest, read_result

        clusters, manifest = read_result(source.path), read_manifest(source.path)
        name = source.path.resolve().name
        self.folders += [source.path, source.path.resolve().parent]
        own = relaxed_with(manifest)
        if own is not None:
            self.own[str(source.path)] = own
        elif self._asked() is None:
            raise InputError(f"no potential relaxed {source}: --potential says the level of its frequencies")
        if own is not None and self._asked() is None and (last := ranked_by(manifest, *own)):
            text = f"its ranking is that of {last}; here energies and frequencies are of {describe(*own, brief=True)}, which "
            self.made.remarks.append((name, f"{text}relaxed it last (--energies takes others)"))
        clusters = self._lowest(clusters, source)
        ids = np.array([f"{name}/{i}" for i in clusters.ids])
        composition = np.array([str(manifest["composition"])] * len(clusters))
        self.structures.append(clusters.replace(ids=ids, columns={"composition": composition}))

    def add_file(self, source: Source) -> None:
        """The lowest structures of a file of any format."""
        self.structures.append(self._lowest(read_structures(source, self.wanted, self.known), source))
        self.files.append(source)

    def _asked(self) -> tuple[str, dict[str, Any]] | None:
        """What the user names."""
        if self.wanted.potential is None and self.wanted.model is None:
            return None
        name = self.wanted.potential or "painn"
        return "painn" if name.lower() == "painn" else name, models_of(self.wanted.model)

    def _lowest(self, clusters, source: Source):
        """The lowest --count of every composition.

        Raises:
            InputError: there are more, without energies.
        """
        import numpy as np

        from ..errors import InputError
        from .common import note

        count = self.wanted.count or COUNT
        groups: dict[tuple, list[int]] = {}
        for i in range(len(clusters)):
            atoms = tuple(sorted(clusters.numbers[clusters.atoms_of(i)].tolist()))
            groups.setdefault((atoms, int(clusters.charge[i])), []).append(i)
        chosen: list[int] = []
        for members in groups.values():
            energy = clusters.energy[members]
            if len(members) > count and not np.isfinite(energy).all():
                raise InputError(
                    f"{source} holds {len(members)} structures of one composition, {int(np.isfinite(energy).sum())} of them "
                    f"with an energy that can be used: which {count} are the lowest cannot be told; --count {len(members)} "
                    "takes all"
                )
            chosen += [members[k] for k in np.lexsort((clusters.ids[members], energy))[:count]]
        if len(chosen) < len(clusters) and not self.wanted.quiet:
            note(f"{source.path}: {cut(len(chosen), len(clusters), count)}")
        return clusters[chosen]

    # ---- the one potential -------------------------------------------------------------------------------------------

    def one_potential(self) -> None:
        """Decide the potential of all.

        Raises:
            LevelError: runs of several. InputError: none is known. PotentialError, ModelError: there is no such.
        """
        from ..errors import InputError, LevelError

        if not self.structures:
            return
        asked = self._asked()
        found = {describe(*own): own for own in self.own.values()}
        if asked == ("painn", {}):
            found = {what: own for what, own in found.items() if own[0] == "painn"}
            if len(found) != 1:
                raise InputError("--potential painn needs --model NAME, or several models joined by commas")
            self.potential, self.options = next(iter(found.values()))
        elif asked is not None:
            self.potential, self.options = asked
        elif not found:
            raise InputError(f"the structures of {self.files[0].path} need --potential: the level of their frequencies")
        elif len(found) > 1:
            raise LevelError(self._several(found))
        else:
            self.potential, self.options = next(iter(found.values()))
        self._from_home()

    def _several(self, found: dict) -> str:
        """Which runs are of which level, and the option that makes them one."""
        told = "; ".join(
            f"{', '.join(n for n, own in self.own.items() if describe(*own) == what)}: {what}" for what in found
        )
        name, options = next((f for f in found.values() if f[0] != "painn"), next(iter(found.values())))
        model = options.get("model")
        more = f" --model {','.join(model) if isinstance(model, list) else model}" if model else ""
        return (
            f"the runs are of different levels, which one table cannot hold: {told}; --potential {name}{more} computes all at "
            "one level, or give the runs of one level only"
        )

    def _from_home(self) -> None:
        """Say where a shipped model is used beyond what it was made for."""
        from ..composition import Composition
        from ..identify import recognise

        for clusters in self.structures:
            made_as = [Composition.parse(text, self.known) for text in set(clusters.columns.get("composition", []))]
            every = made_as or recognise(clusters, self.known)
            self.made.remarks += strangers(self.potential, self.options, every, self.known)

    def placeholders(self) -> list:
        """Species of the level and engine that :meth:`compute` will give, for checks before it."""
        import numpy as np

        from ..refine.thermo import Species

        if not self.structures:
            return []
        potential = self._potential()
        columns = {"engine": engine_of(potential, self.options)}
        return [Species("", 0.0, np.zeros(0), 1.0, np.zeros(3), level=potential.level, columns=columns)]

    def _options(self) -> dict[str, Any]:
        from ..refine.thermo.differences import tight_options

        return {**tight_options(self.potential), **self.options}

    def _potential(self):
        from ..potentials import get_potential

        return get_potential(self.potential, **self._options())

    # ---- computing ---------------------------------------------------------------------------------------------------

    def compute(self) -> list:
        """Relax and differentiate, one structure a task; monomers of what was recognised are added."""
        from ..clusters import Clusters
        from ..errors import InputError
        from ..learn.labels.provenance import describe as engine
        from ..refine.kept import name_of, outcomes
        from ..refine.thermo import sources
        from ..refine.thermo.differences import step_for
        from ..refine.thermo.left import earlier
        from ..workers.progress import choose
        from ..workers.worker import Died

        if not self.structures:
            return []
        potential = self._potential()
        names = self._monomers()
        bare = [
            c.replace(forces=None, level="", energy=c.energy * float("nan"),
                      columns={k: v for k, v in c.columns.items() if k == "composition"})
            for c in self.structures
        ]  # fmt: skip
        everything = Clusters.concatenate([sources.monomer_structures(names, self.known), *bare])
        step = self.wanted.step or step_for(self.potential.lower() == "painn")
        params = sources.HessianParams(isotopes=self.wanted.isotopes, step=step)
        settings = {"engine": engine(potential), "options": self._options(), "params": vars(params)}
        asked = [("hessian", one.numbers.tolist(), one.positions, int(one.charge[0]), settings) for one in everything]
        names_of_work = [name_of(*what) for what in asked]
        there = earlier(self.folders)
        found: dict[int, list] = {i: [there[name]] for i, name in enumerate(names_of_work) if name in there}
        missing = [i for i in range(len(everything)) if i not in found]
        kept = keep(self.made) if missing else None
        tasks = [(everything[i], self.potential, self._options(), params) for i in missing]
        paths = [kept.path(*asked[i]) if kept else None for i in missing]
        progress = choose(self.wanted.quiet)
        before = {k for k, p in enumerate(paths) if p is not None and p.exists()}
        if before or found:
            progress.message(f"{len(found) + len(before)} of {len(everything)} Hessians were finished earlier")
        progress.start(1, 1, "Hessians", len(tasks))
        lost: list = []
        results = outcomes(_one, tasks, paths, self.wanted.workers, _kept, sources.save)
        for place, result in progress.counted(results, before):
            index = missing[place]
            if isinstance(result, Died):
                lost.append(sources.Rejected(str(everything.ids[index]), result.reason))
                continue
            path = paths[place]
            # as its file has it, so that it makes no difference when it was computed
            found[index] = sources.load(path) if result[0] and path and path.exists() else result[0]
            lost += result[1]
        by = engine_of(potential, self.options)
        species = [_told(s, everything[i], by, names_of_work[i]) for i in sorted(found) for s in found[i]]
        if not species:
            raise InputError("no structure got frequencies: " + "; ".join(f"{r.id}: {r.reason}" for r in lost[:5]))
        self.made.remarks += [(r.id, r.reason) for r in lost]
        return species

    def _monomers(self) -> list[str]:
        from ..composition import Composition
        from ..identify import recognise
        from ..levels import separated

        names: dict[str, None] = {}
        for clusters in self.structures:
            made_as = [Composition.parse(c, self.known) for c in set(clusters.columns.get("composition", []))]
            for composition in made_as or recognise(clusters, self.known):
                if composition is not None:
                    for choice in separated(composition, self.known):
                        names |= dict.fromkeys(m for m, n in choice.items() if n)
        return [m.name for m in self.known if m.name in names]


def read_structures(source: Source, wanted: Wanted, known):
    """Structures of a file of any format, with charges and energies that were compared with their molecules.

    Raises:
        FileFormatError: it cannot be read, or holds isotopes. InputError: no clear charge. LevelError: several levels.
    """
    from ..interop.molecules import read_known
    from .common import note

    clusters, notes = read_known(source.path, known, wanted.level, wanted.charge)
    for line in () if wanted.quiet else notes:
        note(line)
    return clusters.replace(columns={})


def relaxed_with(manifest: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The potential whose minima a run ends with, and its options; None where no stage relaxes."""
    for stage in reversed(manifest["protocol"]["stage"]):
        if stage["kind"] == "relax" or (stage["kind"] == "refine" and stage.get("mode") == "optimise"):
            return stage.get("potential", "gfn1-xtb"), dict(stage.get("options", {}))
    return None


def ranked_by(manifest: dict[str, Any], potential: str, options: dict[str, Any]) -> str:
    """The potential of the last energies of a run in words, '' if it is the given one."""
    for stage in reversed(manifest["protocol"]["stage"]):
        if stage["kind"] == "orca":
            return "ORCA"
        if "potential" in stage:
            last = stage["potential"], stage.get("options", {})
            return describe(*last, brief=True) if describe(*last) != describe(potential, options) else ""
    return ""


def describe(potential: str, options: dict[str, Any], brief: bool = False) -> str:
    """A potential in words, equal for equal ones (unless ``brief``: a committee by its first model)."""
    models = _models(options)
    others = ", ".join(f"{k} {v}" for k, v in sorted(options.items()) if k != "model")
    name = "PaiNN" if potential.lower() == "painn" else potential.lower()
    if models:
        name += f" ({models[0]} and {len(models) - 1} more)" if brief and len(models) > 1 else f" ({', '.join(models)})"
    return name + (f" with {others}" if others else "")


def strangers(potential: str, options: dict[str, Any], compositions, known) -> list[tuple[str, str]]:
    """(cluster, remark) for clusters that a shipped model was not made for."""
    from ..funnel.protocols.automatic import recommendations, recommended

    used = set(_models(options))
    shipped = [e for e in recommendations() if used and used <= set(_models(e["options"]))]
    found = []
    for c in dict.fromkeys(compositions) if shipped else ():
        if c is None or c.molecules() == 1:
            continue
        homes = [recommended(c, known, e["level"], e.get("delta", False))[1] for e in shipped]
        if not any(used <= set(_models(home)) for home in homes):
            text = f"{describe(potential, options)} is not at home in it: expect larger errors"
            found.append((c.name(known), text))
    return found


def models_of(text: str | None) -> dict[str, Any]:
    """``--model``: one model, or a committee of several joined by commas."""
    if text is None:
        return {}
    from ..potentials.trained import named

    models = named(m.strip() for m in text.split(","))
    return {"model": models if len(models) > 1 else models[0]}


def _models(options: dict[str, Any]) -> list[str]:
    model = options.get("model", [])
    return [model] if isinstance(model, str) else list(model)


def engine_of(potential, options: dict[str, Any]) -> str:
    """What makes the numbers, without versions: energies of two of them do not add up, whatever their level is called."""
    from ..learn.labels.provenance import describe as engine

    text = str(engine(potential)["engine"])
    if text.startswith("model "):
        names = ", ".join(Path(m).name for m in _models(options))
        return f"PaiNN {names} ({' '.join(w[:8] for w in text.split()[2:])})"
    return ", ".join(part.split()[0] for part in text.split(", ") if part)


def _told(species, one, engine: str, work: str):
    """With what made it, and the composition that it was meant to be; under the name of this input."""
    from dataclasses import replace

    from ..refine.thermo.left import MADE_AS

    columns = {**species.columns, "engine": engine, MADE_AS: work}
    if "composition" in one.columns and one.columns["composition"][0]:
        columns["composition"] = str(one.columns["composition"][0])
    return replace(species, id=str(one.ids[0]), columns=columns)


def _one(task):
    """What is to be kept of one structure, and (species, rejections)."""
    one, potential, options, params = task
    from ..potentials import get_potential
    from ..refine.thermo import sources

    found, lost = sources.from_potential(one, get_potential(potential, **options), params)
    return found or None, (found, lost)


def _kept(path: Path | None) -> tuple[list, list] | None:
    """(species, no rejections) that an earlier command has left; None where there are none, or damaged ones."""
    from ..errors import FileFormatError
    from ..refine.thermo import sources

    try:
        return (sources.load(path), []) if path is not None and path.exists() else None
    except FileFormatError:
        return None
