"""The accelerators of this machine."""

from pathlib import Path


def gpus() -> int:
    """How many NVIDIA GPUs this machine has, by their device files: no driver or library needs to be loaded."""
    return sum(path.name[6:].isdigit() for path in Path("/dev").glob("nvidia*"))


def in_use() -> str:
    """What TensorFlow computes on here: the name of the first GPU, else CPU."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        return tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
    return "CPU"
