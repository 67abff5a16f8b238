"""Kernel ridge regression of energies: the representation FCHL19 with local kernels, as a potential of energies alone.

representation.Representation, kernels.local_kernel, model.KrrModel, potential.KrrPotential
"""
