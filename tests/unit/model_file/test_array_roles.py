from types import SimpleNamespace

import numpy as np
import pytest
from snakeras.model_file import array_roles, loader


@pytest.mark.parametrize("name", ["y_train", "Y_test", "trainY", "ytest", "yTr", "test_labels", "target", "y", "ys"])
def test_names_of_targets(name: str) -> None:
    assert array_roles.is_target(name)


@pytest.mark.parametrize("name", ["x_train", "X", "trainX", "xtest", "test_data", "images", "history", "yaw", "story"])
def test_names_of_inputs(name: str) -> None:
    assert not array_roles.is_target(name)


@pytest.mark.parametrize(
    ("name", "held_out"),
    [
        *((name, True) for name in ("x_test", "Xte", "testX", "y_val", "valid_labels", "dev_x", "XTest", "x_testing")),
        *((name, False) for name in ("x_train", "X", "trainY", "values_in", "tensor", "devices", "y_tr", "latest")),
    ],
)
def test_names_of_what_is_held_out(name: str, held_out: bool) -> None:
    assert array_roles.is_held_out(name) == held_out


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("x_train y_train x_test y_test", "x y xt yt"),
        ("x_train x_test y_train y_test", "x xt y yt"),
        ("trainX testX trainY testY", "x xt y yt"),
        ("X X_val y y_val", "x xt y yt"),
        ("y_test x_test y_train x_train", "yt xt y x"),
        ("a b c d", "x y xt yt"),
        ("x_train x_test rest y_test", "x y xt yt"),
        ("images labels more_images more_labels", "x y xt yt"),
    ],
)
def test_arrays_go_to_the_parameters_by_name_else_in_their_order(names: str, expected: str) -> None:
    assert list(array_roles.in_order(names.split(), ["x", "y", "xt", "yt"])) == expected.split()


@pytest.mark.parametrize("names", ["x_train y_train x_test y_test", "x_train x_test y_train y_test"])
def test_a_subset_is_of_the_training_arrays_in_proportion_of_their_classes(names: str) -> None:
    labels = np.repeat([0, 1], [30, 10])
    values = {"x_train": np.arange(40), "x_test": np.arange(9), "y_train": labels, "y_test": labels[:9]}
    parameters = names.split()
    module = SimpleNamespace(**values)
    loader.Loaded(SimpleNamespace(parameters=parameters), module, len, {}).take_subset(20, seed=1)
    assert [len(getattr(module, name)) for name in ("x_train", "y_train", "x_test", "y_test")] == [20, 20, 9, 9]
    assert module.y_train.sum() == 5
    assert (module.x_train >= 30).sum() == 5
