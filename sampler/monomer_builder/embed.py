"""Starting geometries: RDKit conformers of a SMILES string, or the frames of an xyz file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import FileFormatError, MissingDependency, MonomerError
from ..text.charges import frame_charge
from ..text.files import read_text
from ..text.xyz import frames


def from_smiles(smiles: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Embed ``count`` conformers: half by ETKDGv3 (doi:10.1021/acs.jcim.0c00025), half by distance geometry alone.

    Returns:
        numbers (n,), bonds (m, 2) as the SMILES says, positions (count, n, 3) Å, formal charge.

    Raises:
        MonomerError: not a SMILES string, several molecules, a radical, stereochemistry left open so that it stands for
            several molecules, or a molecule RDKit cannot embed.
    """
    try:
        from rdkit import Chem, rdBase
        from rdkit.Chem import rdDistGeom
    except ImportError as error:
        raise MissingDependency("rdkit", "building a molecule from SMILES") from error

    with rdBase.BlockLogs():
        bare = Chem.MolFromSmiles(smiles)
    if bare is None or bare.GetNumAtoms() == 0:
        raise MonomerError(f"{smiles!r} is not a valid SMILES string (RDKit cannot read it)")
    if len(Chem.GetMolFrags(bare)) > 1:
        raise MonomerError(f"{smiles!r} holds several molecules; add each one by itself")
    if any(atom.GetAtomicNum() == 0 for atom in bare.GetAtoms()):
        raise MonomerError(f"{smiles!r} holds a place holder (*) instead of an element")
    isotopes = [f"{atom.GetIsotope()}{atom.GetSymbol()}" for atom in bare.GetAtoms() if atom.GetIsotope()]
    if isotopes:
        raise MonomerError(
            f"{smiles!r} holds the isotope {isotopes[0]}; molecules carry no masses here, and energies do not depend on "
            "them: leave the isotope out, and take thermochemistry from ORCA outputs, whose masses are used"
        )
    radicals = sum(atom.GetNumRadicalElectrons() for atom in bare.GetAtoms())
    if radicals:
        raise MonomerError(f"{smiles!r} has {radicals} unpaired electrons; only closed-shell molecules are supported")
    _require_stereo(bare, smiles)
    molecule = Chem.AddHs(bare)
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], np.int64)
    bonds = np.array(sorted(sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx())) for b in molecule.GetBonds()), np.int64)
    batches = []
    # every other conformer without torsion preferences: they come from crystals and miss forms such as anti HCOOH
    for k, preferences in enumerate((True, False)):
        parameters = rdDistGeom.ETKDGv3()
        settings = dict.fromkeys(("useExpTorsionAnglePrefs", "useBasicKnowledge", "forceTransAmides"), preferences)
        for name, value in {"randomSeed": seed + k, **settings}.items():  # RDKit's own types do not tell theirs
            setattr(parameters, name, value)
        with rdBase.BlockLogs():
            ids = rdDistGeom.EmbedMultipleConfs(molecule, (count + 1 - k) // 2, parameters)
        batches.append(np.array([molecule.GetConformer(i).GetPositions() for i in ids]).reshape(-1, len(numbers), 3))
    positions = np.concatenate(batches)
    if not len(positions):
        raise MonomerError(f"RDKit cannot embed {smiles!r}; give a geometry with --xyz instead")
    return numbers, bonds.reshape(-1, 2), positions, Chem.GetFormalCharge(molecule)


def _require_stereo(bare, smiles: str) -> None:
    """Refuse a SMILES string whose conformers would be of different molecules: cis and trans, or diastereomers."""
    from rdkit import Chem, rdBase
    from rdkit.Chem.EnumerateStereoisomers import EnumerateStereoisomers, StereoEnumerationOptions

    options = StereoEnumerationOptions(tryEmbedding=True, unique=True, maxIsomers=16, rand=1)
    with rdBase.BlockLogs():
        found = [Chem.MolToSmiles(m) for m in EnumerateStereoisomers(bare, options)]
    kinds: list[str] = []  # mirror images count once: they have the same energies
    for one in found:
        if not {one, _mirrored(one)} & set(kinds):
            kinds.append(one)
    if len(kinds) > 1:
        raise MonomerError(
            f"{smiles!r} leaves its stereochemistry open and stands for molecules of different energies; write the one that is "
            f"meant, such as {' or '.join(sorted(kinds)[:4])}"
        )


def _mirrored(smiles: str) -> str:
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    for atom in molecule.GetAtoms():
        atom.InvertChirality()
    return Chem.MolToSmiles(molecule)


def from_xyz(path: Path | str) -> tuple[np.ndarray, np.ndarray, int | None]:
    """Frames of an xyz file, each a conformer with the same atom order; force-field lines behind the atoms are left aside.

    Returns:
        numbers (n,), positions (frames, n, 3) Å, the charge that the file states, or None.

    Raises:
        FileFormatError: unreadable, empty, frames of unlike molecules, isotopes, or charges that contradict each other.
    """
    path = Path(path)
    found = list(frames(path, read_text(path)))
    if not found or len(found[0].numbers) == 0:
        raise FileFormatError(f"{path}: holds no atoms")
    numbers = found[0].numbers
    charges = {}
    for k, frame in enumerate(found):
        if not np.array_equal(frame.numbers, numbers):
            raise FileFormatError(f"{path}: frame {k + 1} has other atoms (or another order) than frame 1")
        if not np.isfinite(frame.positions).all():
            raise FileFormatError(f"{path}: frame {k + 1} holds coordinates that are not numbers")
        stated = frame_charge(frame)
        if stated.doubt:
            raise FileFormatError(f"{path}: frame {k + 1}: {stated.doubt}")
        if stated.charge is not None:
            charges[stated.charge] = k + 1
    if len(charges) > 1:
        raise FileFormatError(f"{path}: frames {' and '.join(map(str, charges.values()))} state different charges")
    return numbers, np.array([frame.positions for frame in found]), next(iter(charges), None)
