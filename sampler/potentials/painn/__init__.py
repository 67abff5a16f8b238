"""PaiNN (Schütt, Unke, Gastegger, ICML 2021, arXiv:2102.03150): SchNetPack's weights at the speed of the machine.

What is public, and where it lies::

    parameters.PaiNNParameters        architecture + weights as numpy arrays, keyed by SchNetPack's state_dict names
        .random(architecture, seed)   Xavier weights, zero biases, as SchNetPack starts
    schnetpack_io.from_schnetpack(module), schnetpack_io.to_schnetpack(params)
                                      a NeuralNetworkPotential with PaiNN and Atomwise, and back
    card.ModelCard, card.save_model(folder, params, card), card.load_model(folder)
    potential.PaiNNPotential(model)   a Potential; ``model`` is a folder or a PaiNNParameters
    potential.CommitteePotential(models), delta.DeltaPotential(base, correction)
    training.Trainer(params)          loss and weight gradients with the fused kernels, see below

Training, on top of which an optimiser is written::

    trainer = training.Trainer(params, dtype=np.float32)        # keeps packed weights and work space
    loss, gradients, report = trainer.loss_and_gradients(
        clusters,                    # B structures, N atoms
        energy_target,               # (B,) in the model's own energy unit, the quantity the network predicts
        force_target=None,           # (N, 3) in the model's energy unit per Å, or None
        energy_weight=1.0, force_weight=1.0,
        energy_loss="mse", force_loss="mse",   # or "mae"
        energy_per_atom=False,       # divide every energy error by the number of atoms of its structure
    )
    trainer.set_weights(arrays)      # after each optimiser step: dict of arrays, the keys of params.arrays

``loss = energy_weight * mean_b(l(E_b)) + force_weight * mean over the 3N components (l(F))``, l the square or the
absolute error: what ``torch.nn.MSELoss`` and ``L1Loss`` give on a SchNetPack batch. ``gradients`` has the keys and
shapes of ``params.arrays`` (trainable ones, ``params.trainable``). ``report`` holds ``energy`` (B,), ``forces`` (N, 3)
as predicted before the step, in the model's units.

No engine is imported here; numba, torch and schnetpack load on first use.
"""
