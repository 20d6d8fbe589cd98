"""Saved models and weights under any path, as Keras 1 and 2 took it: Keras 3 asks for certain endings."""

from contextlib import ExitStack
from pathlib import Path

from snakeras.model_file.keras_legacy.tables import SAVE, SPELLINGS
from snakeras.model_file.keras_legacy.translation import renamed, replace, warn, wrap_arguments


def _is_hdf5(path: str) -> bool:
    """Return whether a file has the layout of the HDF5 files of Keras 2, whatever its name."""
    import h5py

    if not Path(path).is_file() or not h5py.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        return "layer_names" in file.get("model_weights", file).attrs


def translate_saving(undo: ExitStack) -> None:
    """Let Keras save and load under any path until ``undo`` closes."""
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format as hdf5
    from keras.src.saving import saving_api

    # HDF5 files have the short names of these losses, which Keras does not find.
    losses = {name: getattr(keras.losses, new) for name, new in SPELLINGS.items() if hasattr(keras.losses, new)}

    def save_model(before, model, filepath, overwrite=True, zipped=None, **kwargs):
        kwargs, path = renamed(kwargs, SAVE), str(filepath)
        if path.endswith(".keras") or "://" in path or zipped is not None:
            return before(model, filepath, overwrite, zipped, **kwargs)
        compiled = getattr(getattr(model, "_compile_config", None), "config", {})
        as_compiled = dict(compiled)
        if not path.endswith((".h5", ".hdf5")):
            warn("the path of a saved model ends in .keras today", always=True)
        hdf5.save_model_to_hdf5(model, path, overwrite, kwargs.get("include_optimizer", True))
        # Keras has removed the optimizer from it; a .keras file written later needs it.
        compiled.update(as_compiled)
        return None

    def load_model(before, filepath, custom_objects=None, compile=True, **kwargs):
        path = str(filepath)
        if path.endswith(".keras") or not _is_hdf5(path):
            return before(filepath, custom_objects, compile, **kwargs)
        return hdf5.load_model_from_hdf5(path, losses | (custom_objects or {}), compile, **kwargs)

    def save_weights(before, model, filepath, overwrite=True, max_shard_size=None, **kwargs):
        path = str(filepath)
        if path.endswith(".weights.h5") or max_shard_size is not None:
            return before(model, filepath, overwrite, max_shard_size, **kwargs)
        warn("the path of saved weights ends in .weights.h5 today", always=True)
        if not overwrite and Path(path).exists():
            raise FileExistsError(f"{path} exists")
        with h5py.File(path, "w") as file:
            hdf5.save_weights_to_hdf5_group(file, model)
        return None

    def load_weights(before, model, filepath, skip_mismatch=False, **kwargs):
        path = str(filepath)
        if not _is_hdf5(path):
            return before(model, filepath, skip_mismatch, **kwargs)
        by_name = hdf5.load_weights_from_hdf5_group_by_name
        with h5py.File(path) as file:
            load = by_name if kwargs.get("by_name") else hdf5.load_weights_from_hdf5_group
            return load(file.get("model_weights", file), model, skip_mismatch)

    for wrapper in (save_model, load_model, save_weights, load_weights):
        replace(undo, getattr(saving_api, wrapper.__name__), wrapper, saving_api)
    wrap_arguments(undo, keras.Model, "save_weights", SAVE)
