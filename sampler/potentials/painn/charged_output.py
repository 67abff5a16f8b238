"""The output of a network with charges, as a module of SchNetPack; imports torch, so import it where it is needed."""

from __future__ import annotations

import schnetpack
import torch
from schnetpack import properties

from .torch_path import charge_energy


class ChargedAtomwise(schnetpack.atomistic.Atomwise):
    """SchNetPack's ``Atomwise`` plus the energy of latent charges, see :mod:`.coulomb`.

    The charges share the hidden layers of the atomic energies. Energies in eV, lengths in Å.
    """

    def __init__(self, charge_width: float, **options):
        super().__init__(**options)
        self.charge_width = charge_width
        self.charge = torch.nn.Linear(self.outnet[-1].weight.shape[1], 1)

    def forward(self, inputs):
        hidden = self.outnet[:-1](inputs["scalar_representation"])
        structure = inputs[properties.idx_m]
        b = int(structure[-1]) + 1
        atomic, charges = self.outnet[-1](hidden), self.charge(hidden)[:, 0]
        energy = torch.zeros(b, dtype=atomic.dtype, device=atomic.device).index_add(0, structure, atomic[:, 0])
        inputs[self.output_key] = energy + charge_energy(
            torch, inputs[properties.R], structure, charges, self.charge_width, b
        )
        return inputs
