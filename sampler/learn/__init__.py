"""Learning potentials: labels, data sets, training, evaluation."""
