"""Molecular dynamics of a batch of free clusters, guarded: a replica's trajectory is the same whatever shares its batch.

Inside: Å, eV, amu and the time that goes with them (:data:`sampler.units.FS`). From the bottom up: :mod:`.motion` (kinetic
energies, temperatures, velocities), :mod:`.noise` (random numbers by replica and step), :mod:`.ensembles` (what one step
is), :mod:`.schedule` (temperatures in time), :mod:`.integrate` (the loop), :mod:`.guards` (what must not happen),
:mod:`.trajectory`, :mod:`.checkpoint` (what is kept), :mod:`.simulate` (a folder of replicas).
"""
