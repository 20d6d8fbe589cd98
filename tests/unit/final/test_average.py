from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC
from snakeras.core.errors import UserError
from snakeras.final import average, final_model, held_out

pytestmark = pytest.mark.slow

X = np.linspace(-1, 1, 24, dtype="float32").reshape(6, 4)
Y = np.array([0, 1, 2, 0, 1, 2])


def dense(seed: int, units: int = 3, activation: str | None = None, loss: object = None, width: int = 4) -> object:
    import keras

    keras.utils.set_random_seed(seed)
    start = keras.initializers.RandomNormal(stddev=2.0)
    layers = [keras.layers.Dense(5, activation="relu"), keras.layers.Dense(units, activation, kernel_initializer=start)]
    model = keras.Sequential([keras.Input((width,)), *layers])
    if loss:
        model.compile("adam", loss, metrics=["accuracy"])
    return model


def averaged(models: list, tmp_path: Path) -> tuple[object, list]:
    """Return the average of models, saved and loaded again, and what each of them predicts."""
    import keras

    predicted = [model.predict(X, verbose=0) for model in models]
    average.of({str(number): model for number, model in enumerate(models)}).save(tmp_path / "model.keras")
    return keras.models.load_model(tmp_path / "model.keras"), predicted


@pytest.mark.parametrize(
    ("units", "activation", "loss"),
    [(3, "softmax", "sparse_categorical_crossentropy"), (1, "sigmoid", "binary_crossentropy"), (2, None, "mse")],
)
def test_outputs_are_averaged_and_tested(units: int, activation: str, loss: str, tmp_path: Path) -> None:
    models = [dense(seed, units, activation, loss) for seed in (1, 2, 3)]
    model, predicted = averaged(models, tmp_path)
    mean = np.mean(predicted, axis=0)
    assert np.ptp(predicted, axis=0).max() > 0.1
    np.testing.assert_allclose(model.predict(X, verbose=0), mean, rtol=1e-5)
    y = mean * 0 if loss == "mse" else (mean[:, 0] > 0.5).astype(int) if units == 1 else mean.argmax(axis=1)
    metrics, _ = final_model.tested(model, held_out.HeldOut(X, y, seen=False), None)
    assert metrics["test_accuracy"] == (None if loss == "mse" else 1)
    assert metrics["test_loss"] == pytest.approx(np.mean(mean**2) if loss == "mse" else metrics["test_loss"], rel=1e-5)
    assert metrics["parameters"] == 3 * models[0].count_params()


@pytest.mark.parametrize("several", [True, False])
def test_logits_are_averaged_as_probabilities(several: bool, tmp_path: Path) -> None:
    import keras
    from scipy.special import expit, softmax

    kind = keras.losses.SparseCategoricalCrossentropy if several else keras.losses.BinaryCrossentropy
    models = [dense(seed, 3 if several else 1, None, kind(from_logits=True)) for seed in (1, 2)]
    model, logits = averaged(models, tmp_path)
    probabilities = (lambda values: softmax(values, axis=-1)) if several else expit
    mean = np.mean(list(map(probabilities, logits)), axis=0)
    np.testing.assert_allclose(probabilities(model.predict(X, verbose=0)), mean, rtol=1e-4)
    y = mean.argmax(axis=1) if several else (mean[:, 0] > 0.5).astype(int)
    metrics, mistakes = final_model.tested(model, held_out.HeldOut(X, y, seen=False), None)
    assert (metrics["test_accuracy"], mistakes["count"]) == (1, 0)
    loss = -np.log(np.where(y == 1, mean[:, 0], 1 - mean[:, 0])) if not several else -np.log(mean[np.arange(6), y])
    assert metrics["test_loss"] == pytest.approx(loss.mean(), rel=1e-4)


def branched(seed: int, half: bool = False) -> object:
    import keras

    keras.utils.set_random_seed(seed)
    first, second = keras.Input((4,), name="first"), keras.Input((2,))
    both = keras.layers.Concatenate()([first, second])
    dtype = "mixed_bfloat16" if half else None
    outputs = [keras.layers.Dense(3, "softmax", name="kind", dtype=dtype)(both), keras.layers.Dense(1)(first)]
    model = keras.Model([first, second], outputs)
    model.compile("sgd", {"kind": "sparse_categorical_crossentropy", model.output_names[1]: "mse"})
    return model


@pytest.mark.parametrize("half", [False, True])
def test_several_inputs_and_outputs(half: bool, tmp_path: Path) -> None:
    import keras

    inputs = [X, X[:, :2]]
    models = [branched(seed, half) for seed in (1, 2)]
    predicted = [model.predict(inputs, verbose=0) for model in models]
    average.of(dict(zip("ab", models, strict=True))).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    for output, *own in zip(model.predict(inputs, verbose=0), *predicted, strict=True):
        assert output.dtype == np.float32
        np.testing.assert_allclose(output, np.mean([one.astype("float32") for one in own], axis=0), rtol=1e-5)
    metrics, _ = final_model.tested(model, held_out.HeldOut(inputs, [Y, Y.astype("float32")], seen=False), None)
    assert list(metrics["outputs"])[0] == "kind"
    assert final_model.described(model, (inputs, None))["inputs"][0]["name"] == "first"


def test_dicts_of_inputs_and_outputs(tmp_path: Path) -> None:
    import keras

    def made(seed: int) -> object:
        keras.utils.set_random_seed(seed)
        given = {"a": keras.Input((4,), name="a"), "b": keras.Input((2,), name="b")}
        return keras.Model(given, {"p": keras.layers.Dense(1)(keras.layers.Concatenate()(list(given.values())))})

    models, inputs = [made(1), made(2)], {"a": X, "b": X[:, :2]}
    predicted = [model.predict(inputs, verbose=0)["p"] for model in models]
    average.of(dict(zip("ab", models, strict=True))).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(model.predict(inputs, verbose=0)["p"], np.mean(predicted, axis=0), rtol=1e-5)


def test_logits_by_the_keys_of_a_dict(tmp_path: Path) -> None:
    import keras
    from scipy.special import expit

    def made(seed: int) -> object:
        keras.utils.set_random_seed(seed)
        given = keras.Input((4,))
        model = keras.Model(given, {"z": keras.layers.Dense(1, name="zeta")(given)})
        model.compile("sgd", {"z": keras.losses.BinaryCrossentropy(from_logits=True)})
        return model

    models = [made(1), made(2)]
    mean = np.mean([expit(model.predict(X, verbose=0)["z"]) for model in models], axis=0)
    model = average.of(dict(zip("ab", models, strict=True)))
    np.testing.assert_allclose(expit(model.predict(X, verbose=0)["z"]), mean, rtol=1e-4)


def test_masks_and_penalties_are_as_in_a_single_model() -> None:
    import keras

    words = np.array([[1, 2, 0, 0], [3, 1, 2, 0]])
    model = keras.Sequential([keras.Input((4,)), keras.layers.Embedding(4, 3, mask_zero=True), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    penalized = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(1.0))]
    )
    penalized.compile("sgd", "mse")
    for one, x, y in ((model, words, np.ones((2, 4, 2))), (penalized, X, np.zeros((6, 1)))):
        own = one.evaluate(x, y, verbose=0) - float(sum(one.losses))
        twin = keras.models.clone_model(one)
        twin.set_weights(one.get_weights())
        assert average.of({"a": one, "b": twin}).evaluate(x, y, verbose=0) == pytest.approx(own, rel=1e-5)


def test_outputs_of_one_layer_have_names_of_their_own() -> None:
    import keras

    def made(seed: int) -> object:
        keras.utils.set_random_seed(seed)
        inputs = [keras.Input((4,)), keras.Input((4,))]
        shared = keras.layers.Dense(2, name="d")
        return keras.Model(inputs, [shared(one) for one in inputs])

    models = [made(1), made(2)]
    mean = np.mean([model.predict([X, -X], verbose=0) for model in models], axis=0)
    np.testing.assert_allclose(
        average.of(dict(zip("ab", models, strict=True))).predict([X, -X], verbose=0), mean, rtol=1e-5
    )


def test_a_loss_of_the_script_is_found(tmp_path: Path) -> None:
    import keras
    from snakeras.model_file import kept_models

    def own_loss(true: object, predicted: object) -> object:
        return keras.ops.mean((true - predicted) ** 2, axis=-1)

    folders = [tmp_path / "a", tmp_path / "b"]
    for seed, folder in enumerate(folders):
        folder.mkdir()
        model = dense(seed, 1, None, own_loss)
        model.save(folder / "model.keras")
    with kept_models.known({"own_loss": own_loss}):
        model = average.of({folder.name: kept_models.load(folder) for folder in folders})
    metrics, _ = final_model.tested(model, held_out.HeldOut(X, np.zeros((6, 1)), seen=False), None)
    assert metrics["test_loss"] == pytest.approx(np.mean(model.predict(X, verbose=0) ** 2), rel=1e-5)


def test_what_cannot_be_averaged_is_said_in_a_line() -> None:
    import keras

    class Own(keras.Model):
        def call(self, x: object) -> object:
            return x

    number = keras.Input((4,))
    classes = keras.Model(number, keras.ops.argmax(number, axis=-1))
    for pair, line in (
        ((dense(1), dense(2, width=5)), "one has inputs (4,) and outputs (3,), the other inputs (5,) and outputs (3,)"),
        ((dense(1), dense(2, units=4)), "members a and b cannot be averaged"),
        ((Own(), Own()), "member a has no defined inputs and outputs"),
        ((classes, classes), "the models give int32, of which there is no mean"),
        ((dense(1), LinearRegression()), "others estimators (b): they have no average"),
    ):
        with pytest.raises(UserError) as error:
            average.of(dict(zip("ab", pair, strict=True)))
        assert line in str(error.value)
        assert str(error.value).startswith("final.ensemble: ")
        assert len(str(error.value).splitlines()) == 1


def test_estimators_vote() -> None:
    first, second = (LogisticRegression(C=c).fit(X, Y) for c in (0.1, 100))
    mean = (first.predict_proba(X) + second.predict_proba(X)) / 2
    vote = average.of({"a": first, "b": second})
    np.testing.assert_allclose(vote.predict_proba(X), mean)
    metrics, _ = final_model.tested(vote, held_out.HeldOut(X, mean.argmax(axis=1), seen=False), None)
    assert metrics["test_accuracy"] == 1
    names = np.array(["a", "b", "c"])[Y]
    named = average.of({"a": LogisticRegression().fit(X, names), "b": LogisticRegression(C=9).fit(X, names)})
    assert set(named.predict(X)) <= set("abc")
    lines = [LinearRegression().fit(X, Y), LinearRegression().fit(X, -2 * Y)]
    np.testing.assert_allclose(average.of(dict(zip("ab", lines, strict=True))).predict(X), -lines[0].predict(X) / 2)
    with pytest.raises(UserError, match="the other a LogisticRegression of 4 features and classes"):
        average.of({"a": first, "b": LogisticRegression().fit(X, names)})
    narrow = LogisticRegression().fit(X[:, :2], Y)
    wide = LinearRegression().fit(X, np.eye(3)[Y])
    for pair, line in (
        ((first, narrow), "4 features and classes [0 1 2], the other a LogisticRegression of 2 features"),
        (
            (wide, wide),
            "LinearRegression (member a) cannot be averaged: it predicts 3 columns, expected one value a row",
        ),
        ((KMeans(2).fit(X), KMeans(2).fit(X)), "KMeans (member a) cannot be averaged: "),
    ):
        with pytest.raises(UserError) as error:
            average.of(dict(zip("ab", pair, strict=True)))
        assert line in str(error.value)
        assert len(str(error.value).splitlines()) == 1
    with pytest.raises(UserError, match=r"a LinearSVC \(member a\) has no predict_proba"):
        average.of({"a": LinearSVC().fit(X, Y), "b": LinearSVC().fit(X, Y)})
