"""Compiling for this machine what a run needs, once, before its first stage: see :mod:`.prepare`."""
