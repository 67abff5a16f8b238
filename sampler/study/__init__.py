"""Experiments with models: learning curves, tuning, active learning; each a folder that explains itself.

:mod:`.folder` says what a study is, :mod:`.queue` does its trainings, :mod:`.engines` knows how.
"""
