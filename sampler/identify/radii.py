"""Radii and the criteria built on them: what counts as a bond, a shared proton, a contact.

Covalent radii: Cordero et al. 2008 (10.1039/b801115j); van der Waals radii: Alvarez 2013 gives larger values, those of
Bondi 1964 (10.1021/j100785a001) with Mantina et al. 2009 (10.1021/jp8111556) are used, as ASE tabulates them.
"""

from __future__ import annotations

import numpy as np

HEAVY_BOND = (1.25, 1.35, 1.15)
"""Distance over the sum of the radii of :func:`bonding` below which two heavy atoms are bonded. The first value is the criterion;
the others give a stretched bond (or two squeezed molecules) the benefit of the doubt where the composition then fits."""
FREE_HYDROGEN = 1.6
"""A hydrogen farther than this from every heavy atom, in sums of covalent radii, is free (O–H 1.55 Å)."""
SHARED_PROTON = 0.05
"""Two molecules share a proton when their distances to it, in sums of covalent radii, differ by less than this."""
NEARLY_SHARED = 0.15
"""A proton whose two distances differ by less than this may, with noise of a few hundredths of an Å, get either owner: the
edges of the band of SHARED_PROTON lie at 0.05, and noise moves the difference by up to 0.1."""
OVERLAP = 0.65
"""Two atoms closer than this, in sums of covalent radii, overlap (O–H 0.63 Å, H–H 0.40 Å, S–O 1.11 Å)."""
CONTACT = 1.4
"""Two molecules touch when two of their atoms are closer than this, in sums of van der Waals radii (H···O 3.8 Å)."""
_FALLBACK_VDW = 2.0


def covalent() -> np.ndarray:
    """Covalent radius by atomic number, Å."""
    from ase.data import covalent_radii

    return np.array(covalent_radii, float)


_HALOGEN = {35: 1.02, 53: 1.10}
"""Å. A halogen bond to bromine or iodine is not much longer than a bond: in HIO3, I–OH has 1.9 Å and I=O 1.8 Å, and
GFN1-xTB puts the nitrogen of NH3 at 2.34 Å. Covalent radii (1.20 and 1.39 Å) would call all up to 2.6 Å bonds; with these, it
is I–O 2.20 Å, I–N 2.26 Å, I–C 2.33 Å and I–I 2.75 Å (bonds have 2.0, 2.1, 2.15 and 2.67 Å)."""


def bonding() -> np.ndarray:
    """Radius by atomic number, Å, by which two heavy atoms are bonded: covalent, smaller where halogen bonds are short."""
    found = covalent()
    for z, radius in _HALOGEN.items():
        found[z] = radius
    return found


def van_der_waals() -> np.ndarray:
    """Van der Waals radius by atomic number, Å; 2.0 where none is tabulated."""
    from ase.data import vdw_radii

    radii = np.asarray(vdw_radii, float)
    return np.where(np.isfinite(radii), radii, _FALLBACK_VDW)
