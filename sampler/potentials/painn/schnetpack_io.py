"""PaiNN models of SchNetPack, in and out."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...errors import ModelError
from ...units import HARTREE, KCAL_PER_MOL, KJ_PER_MOL
from .parameters import Architecture, PaiNNParameters, require, shapes

_UNITS = {
    "ev": 1.0,
    "hartree": HARTREE,
    "ha": HARTREE,
    "eh": HARTREE,
    "kcal/mol": KCAL_PER_MOL,
    "kj/mol": KJ_PER_MOL,
    "mev": 1e-3,
}


def energy_unit_of(unit: float | str) -> float:
    """eV per ``unit``."""
    if not isinstance(unit, str):
        return float(unit)
    try:
        return _UNITS[unit.lower()]
    except KeyError:
        raise ModelError(f"unknown energy unit {unit!r}; known: {', '.join(_UNITS)}, or eV per unit") from None


def _activation_name(function: Any, where: str) -> str:
    name = getattr(function, "__name__", type(function).__name__).lower()
    if name in ("silu", "swish"):
        return "silu"
    if name == "shifted_softplus":
        return name
    raise ModelError(f"{where} uses the activation {name!r}; supported: silu, shifted_softplus")


def from_schnetpack(module: Any, energy_unit: float | str = "eV") -> PaiNNParameters:
    """Parameters from a ``NeuralNetworkPotential`` with PaiNN and one Atomwise output.

    Args:
        module: the model (a ``torch.nn.Module`` as SchNetPack saves it).
        energy_unit: unit of its energies: eV per unit, or a name known to ``ase.units``, ``Hartree``, ``kcal/mol``.

    Raises:
        ModelError: a part that this package does not know; the message names it.
    """
    representation: Any = getattr(module, "representation", None)
    if type(representation).__name__ != "PaiNN":
        raise ModelError(f"the model's representation is {type(representation).__name__}, not PaiNN")
    if len(representation.electronic_embeddings):
        raise ModelError("electronic embeddings (charge, spin) are not supported")
    outputs = {type(m).__name__: (i, m) for i, m in enumerate(module.output_modules)}
    if "ChargedAtomwise" in outputs:
        outputs["Atomwise"] = outputs.pop("ChargedAtomwise")
    unknown = set(outputs) - {"Atomwise", "Forces"}
    if unknown or "Atomwise" not in outputs or len(outputs) != len(module.output_modules):
        raise ModelError(f"output modules must be one Atomwise and at most one Forces; found {sorted(outputs)}")
    position, atomwise = outputs["Atomwise"]
    basis, cutoff = representation.radial_basis, representation.cutoff_fn
    bases = {"GaussianRBF": "gaussian", "GaussianRBFCentered": "gaussian_centered", "BesselRBF": "bessel"}
    cutoffs = {"CosineCutoff": "cosine", "MollifierCutoff": "mollifier"}
    if type(basis).__name__ not in bases:
        raise ModelError(f"radial basis {type(basis).__name__} is not supported; known: {', '.join(bases)}")
    if type(cutoff).__name__ not in cutoffs:
        raise ModelError(f"cutoff function {type(cutoff).__name__} is not supported; known: {', '.join(cutoffs)}")
    interactions, mixing = representation.interactions, representation.mixing
    first, dense = interactions[0], list(atomwise.outnet)
    embedding = _embedding_table(representation.embedding)
    architecture = Architecture(
        n_atom_basis=int(representation.n_atom_basis),
        n_interactions=int(representation.n_interactions),
        n_rbf=int(basis.n_rbf),
        cutoff=float(cutoff.cutoff),
        cutoff_function=cutoffs[type(cutoff).__name__],
        mollifier_epsilon=float(getattr(cutoff, "eps", 1e-7)),
        radial_basis=bases[type(basis).__name__],
        activation=_activation_name(first.interatomic_context_net[0].activation, "the representation"),
        output_activation=_activation_name(dense[0].activation, "the output network") if len(dense) > 1 else "silu",
        epsilon=float(mixing[0].epsilon),
        shared_interactions=len(interactions) > 1 and all(m is first for m in interactions),
        shared_filters=bool(representation.share_filters),
        output_widths=(int(dense[0].weight.shape[1]), *(int(d.weight.shape[0]) for d in dense)),
        aggregation=atomwise.aggregation_mode,
        max_z=len(embedding),
        trainable_basis=any(True for _ in basis.parameters()),
        charge_width=float(getattr(atomwise, "charge_width", 0.0)),
    )
    state = {k: v.detach().cpu().numpy() for k, v in module.state_dict().items()}
    state = {k.replace(f"output_modules.{position}.", "output_modules.0."): v for k, v in state.items()}
    state["representation.embedding.weight"] = embedding
    arrays = {name: np.array(state[name]) for name in shapes(architecture)}
    mean, atomref, extensive = _offsets(module, atomwise.output_key)
    return PaiNNParameters(architecture, arrays, mean, atomref, energy_unit_of(energy_unit), extensive)


def _embedding_table(embedding: Any) -> np.ndarray:
    if type(embedding).__name__ == "Embedding":
        return embedding.weight.detach().cpu().numpy()
    if type(embedding).__name__ == "NuclearEmbedding":  # a table plus a linear map of electron configurations
        linear = embedding.config_linear(embedding.electron_config)
        table = embedding.element_embedding
        return (table + linear[: len(table)]).detach().cpu().numpy()
    raise ModelError(f"nuclear embedding {type(embedding).__name__} is not supported")


def _offsets(module: Any, key: str) -> tuple[float, np.ndarray | None, bool]:
    mean, atomref, extensive = 0.0, None, True
    for step in module.postprocessors:
        name = type(step).__name__
        if name in ("CastTo64", "CastTo32"):
            continue
        if name != "AddOffsets" or step._property != key:
            raise ModelError(f"postprocessor {name} is not supported; known: AddOffsets of {key!r}, CastTo32, CastTo64")
        extensive = bool(step.is_extensive)
        if step.add_mean:
            mean += float(step.mean)
        if step.add_atomrefs:
            atomref = step.atomref.detach().cpu().numpy().astype(np.float64).ravel()
    return mean, atomref, extensive


def to_schnetpack(params: PaiNNParameters, energy_key: str = "energy", forces_key: str = "forces") -> Any:
    """The same model as a SchNetPack ``NeuralNetworkPotential`` (float32, with a Forces module)."""
    torch = require("torch", "exporting a model to SchNetPack")
    spk = require("schnetpack", "exporting a model to SchNetPack")
    a = params.architecture
    activation = {"silu": torch.nn.functional.silu, "shifted_softplus": spk.nn.shifted_softplus}
    basis = {
        "gaussian": lambda: spk.nn.GaussianRBF(a.n_rbf, a.cutoff, trainable=a.trainable_basis),
        "gaussian_centered": lambda: spk.nn.GaussianRBFCentered(a.n_rbf, a.cutoff, trainable=a.trainable_basis),
        "bessel": lambda: spk.nn.BesselRBF(a.n_rbf, a.cutoff),
    }[a.radial_basis]()
    cutoff = {
        "cosine": lambda: spk.nn.CosineCutoff(a.cutoff),
        "mollifier": lambda: spk.nn.MollifierCutoff(a.cutoff, a.mollifier_epsilon),
    }[a.cutoff_function]()
    representation = spk.representation.PaiNN(
        n_atom_basis=a.n_atom_basis,
        n_interactions=a.n_interactions,
        radial_basis=basis,
        cutoff_fn=cutoff,
        activation=activation[a.activation],
        shared_interactions=a.shared_interactions,
        shared_filters=a.shared_filters,
        epsilon=a.epsilon,
        nuclear_embedding=torch.nn.Embedding(a.max_z, a.n_atom_basis),
    )
    make = spk.atomistic.Atomwise
    if a.charge_width:
        from .charged_output import ChargedAtomwise

        make = partial(ChargedAtomwise, a.charge_width)
    atomwise = make(
        n_in=a.n_atom_basis,
        n_hidden=list(a.output_widths[1:-1]),
        n_layers=len(a.output_widths) - 1,
        activation=activation[a.output_activation],
        aggregation_mode=a.aggregation,
        output_key=energy_key,
    )
    post = [spk.transform.CastTo64()]
    if params.mean or params.atomref is not None:
        offsets = spk.transform.AddOffsets(
            energy_key,
            add_mean=True,
            add_atomrefs=params.atomref is not None,
            is_extensive=params.extensive,
            zmax=a.max_z,
        )
        offsets._mean_initialized = offsets._atomrefs_initialized = True
        offsets.mean = torch.tensor([params.mean], dtype=torch.float64)
        if params.atomref is not None:
            offsets.atomref = torch.tensor(np.asarray(params.atomref, np.float64))
        post.append(offsets)
    model = spk.model.NeuralNetworkPotential(
        representation=representation,
        input_modules=[spk.atomistic.PairwiseDistances()],
        output_modules=[atomwise, spk.atomistic.Forces(energy_key=energy_key, force_key=forces_key)],
        postprocessors=post,
    )
    state = {k: torch.tensor(np.asarray(v, np.float32)) for k, v in params.arrays.items()}
    if a.shared_interactions:  # SchNetPack lists a shared layer once per interaction
        for name in list(state):
            for part in ("representation.interactions.", "representation.mixing."):
                if name.startswith(part + "0."):
                    for i in range(1, a.n_interactions):
                        state[name.replace(part + "0.", f"{part}{i}.")] = state[name]
    found = model.load_state_dict(state, strict=False)
    ignorable = {k for k in found.missing_keys if k.startswith("postprocessors.") or "cutoff_fn." in k}
    problems = (set(found.missing_keys) - ignorable) | set(found.unexpected_keys)
    if problems:
        raise ModelError(f"SchNetPack {spk.__version__} names its weights differently: {sorted(problems)[:4]}")
    return model.eval()
