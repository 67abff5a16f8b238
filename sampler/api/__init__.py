"""What a notebook or a script calls: the functions behind the names of :mod:`sampler`, and behind the commands.

They take what people have at hand (names of compositions and potentials, files, ASE atoms, clusters) and load the monomer
library themselves. The rooms below do the work.
"""
