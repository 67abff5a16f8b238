"""What one reads from trajectories: spectra, distances, hydrogen bonds, protonation states, lifetimes, rates, means.

:func:`sampler.trajectories.analyse.analyse` takes a folder of ``sampler md`` and goes once through its frames; what is asked
for are names of :data:`sampler.trajectories.known.ANALYSES`. Each of them watches the frames go by and says at the end what
it :class:`.found.Found`: a table and a figure.
"""
