from pathlib import Path

import pytest
from old_script import MARKS, TWO, Script

pytestmark = MARKS


OWN_METRICS = """
from keras import backend as K
def R_squared(y_true, y_pred):
    return 1 - K.sum(K.square(y_true - y_pred)) / (K.sum(K.square(y_true - K.mean(y_true))) + K.epsilon())
def fBeta(y_true, y_pred):
    return K.mean(K.cast(K.equal(y_true, K.round(y_pred)), "float32"))
def one(loss="mse", metrics=[R_squared], units=1):
    model = Sequential([Input((8,)), Dense(units)])
    model.compile("sgd", loss, metrics=metrics)
    return model
y = np.arange(20) % 2
"""


def test_own_metrics_keep_the_names_of_their_functions(script: Script) -> None:
    names, _ = script(
        OWN_METRICS
        + """
model = one(metrics=[R_squared, fBeta, "AUC", "mae"])
stop = EarlyStopping(monitor="val_R_squared", mode="max", patience=1, min_delta=99)
keep = ModelCheckpoint("w-{epoch}-{val_R_squared:.3f}.keras", monitor="val_R_squared", mode="max", save_best_only=True)
plateau = ReduceLROnPlateau(monitor="val_fBeta", mode="max", patience=1, min_delta=99)
seen = []
class Own(Callback):
    def on_epoch_end(self, epoch, logs={}):
        seen.append((logs["val_R_squared"], logs.get("fBeta"), "val_auc" in logs))
history = model.fit(X, y, epochs=9, verbose=0, validation_data=(X, y), callbacks=[stop, keep, plateau, CSVLogger("log"),
                    Own()]).history
metrics, values = model.metrics_names, model.evaluate(X, y, verbose=0)
today = history["r_squared"], history["val_AUC"], history["f_beta"]
"""
    )
    assert sorted(names["history"]) == sorted(
        ["loss", "R_squared", "fBeta", "auc", "mae", "learning_rate"]
        + ["val_loss", "val_R_squared", "val_fBeta", "val_auc", "val_mae"]
    )
    assert len(names["history"]["loss"]) == 2 == len(names["seen"])
    assert names["today"] == tuple(names["history"][name] for name in ("R_squared", "val_auc", "fBeta"))
    assert names["keep"].best == max(names["history"]["val_R_squared"])
    assert len(list(Path().glob("w-*-*.*.keras"))) >= 1
    assert "R_squared" in Path("log").read_text().split("\n")[0].split(",")
    assert all(known for *_, known in names["seen"])
    assert float(names["plateau"].model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert names["metrics"] == ["loss", "R_squared", "fBeta", "auc", "mae"]
    assert len(names["values"]) == 5


@pytest.mark.parametrize("kind", ["int64", "uint8", "bool", "float32", "float64"])
def test_own_metrics_get_targets_like_the_outputs(script: Script, kind: str) -> None:
    names, _ = script(
        f"""{OWN_METRICS}
y = y.astype({kind!r})
model = one(metrics=[R_squared, fBeta])
history = model.fit(X, y, verbose=0, batch_size=20, validation_data=(X, list(y))).history
true, predicted = y.astype("float64"), model.predict(X, verbose=0)[:, 0]
right = 1 - np.sum((true - predicted) ** 2) / np.sum((true - true.mean()) ** 2), np.mean(true == np.round(predicted))
"""
    )
    found = names["history"]["val_R_squared"][0], names["history"]["val_fBeta"][0]
    assert found == pytest.approx(names["right"], rel=1e-4)


def test_class_numbers_reach_own_metrics_as_they_were_written_for(script: Script) -> None:
    names, _ = script(
        OWN_METRICS
        + """
import keras
def Old(y_true, y_pred):
    return K.mean(K.equal(K.max(y_true, axis=-1), K.cast(K.argmax(y_pred, axis=-1), "float32")))
def today(y_true, y_pred):
    return keras.ops.mean(keras.ops.equal(y_true, keras.ops.argmax(y_pred, axis=-1)))
def of_whole_numbers(y_true, y_pred):
    if "int" not in str(y_true.dtype):
        raise TypeError("no class numbers")
    return keras.ops.mean(y_pred)
class Rows(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.count = self.add_weight(name="count", initializer="zeros")
    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count.assign_add(keras.ops.sum(keras.ops.ones_like(y_true - y_pred)))
    def result(self):
        return self.count
model = one("sparse_categorical_crossentropy", ["acc", Old, today, of_whole_numbers], 3)
values = model.fit(X, np.arange(20) % 3, verbose=0, batch_size=20).history
rows = one(metrics=[Rows(name="rows")]).fit(X, y.astype("float32"), verbose=0).history["rows"]
"""
    )
    values = names["values"]
    assert [values["Old"], values["today"]] == [pytest.approx(values["acc"])] * 2
    assert names["rows"] == [20]


def test_metrics_are_for_every_output(script: Script) -> None:
    names, _ = script(
        TWO
        + """
import keras
one = two(loss=LOSSES, metrics=["accuracy"])
auc = two(loss=LOSSES, metrics=["acc", keras.metrics.MeanSquaredError(name="own")])
both = two(loss=LOSSES, metrics=["mae", "accuracy"])
each = two(loss=LOSSES, metrics=[["mae"], ["mse", "acc"]])
by_name = two(loss={"z": "mse", "b": "mse"}, metrics={"b": "mae"})
several = {name: model.fit(X, [y, Y], verbose=0).history for name, model in
           dict(one=one, auc=auc, both=both, each=each, by_name=by_name).items()}
names, values = each.metrics_names, each.evaluate(X, [y, Y], verbose=0)
by_key = each.evaluate(X, [y, Y], verbose=0, return_dict=True)
both.save("both.keras")
class Own(Model):
    def __init__(self):
        super().__init__()
        self.a, self.b = Dense(1), Dense(3)
    def call(self, x):
        return self.a(x), self.b(x)
own = Own()
own.compile("sgd", "mse", metrics=["mae"])
own.fit(X, [y, Y], verbose=0)
"""
    )
    losses = {"loss", "z_loss", "b_loss"}
    metrics = {name: set(history) - losses for name, history in names["several"].items()}
    assert metrics == {
        "one": {"z_accuracy", "b_accuracy"},
        "auc": {"z_acc", "b_acc", "z_own", "b_own"},
        "both": {"z_accuracy", "b_accuracy", "z_mae", "b_mae"},
        "each": {"z_mae", "b_mse", "b_acc"},
        "by_name": {"b_mae"},
    }
    # The order of Keras 2, and not that of the alphabet.
    assert names["names"] == ["loss", "z_loss", "b_loss", "z_mae", "b_mse", "b_acc"]
    assert names["values"] == pytest.approx([names["by_key"][name] for name in names["names"]])
    assert len(names["own"].metrics_names) == 5
    import keras

    with_todays_keras = keras.models.load_model("both.keras")
    assert len(with_todays_keras.evaluate(names["X"], [names["y"], names["Y"]], verbose=0, return_dict=True)) == 7


@pytest.mark.parametrize("losses", ['"mse"', '["mse", "mse"]', '{"b": "mse", "z": "mse"}'])
@pytest.mark.parametrize("weights", ["[10, 0]", '{"z": 10, "b": 0}', '{"z": 10.0}'])
def test_the_weights_of_losses_go_to_their_outputs(script: Script, losses: str, weights: str) -> None:
    names, _ = script(
        TWO + f"history = two(loss={losses}, loss_weights={weights}).fit(X, [y, Y], verbose=0, batch_size=20).history"
    )
    loss, z, b = (names["history"][name][0] for name in ("loss", "z_loss", "b_loss"))
    assert loss == pytest.approx(10 * z + (b if "10.0" in weights else 0), rel=1e-4)


def test_callbacks_see_the_other_name_of_a_metric(script: Script) -> None:
    names, texts = script("""
from keras import backend as K
def f1(true, predicted):
    return K.mean(true * predicted)
seen = []
class Own(Callback):
    def on_epoch_end(self, epoch, logs={}):
        seen.append(logs.get("val_acc") == logs["val_accuracy"])
stop = EarlyStopping(monitor="val_acc", patience=1, min_delta=2)
reduce = ReduceLROnPlateau(monitor="val_acc", patience=1, epsilon=2)
keep = ModelCheckpoint("w-{epoch:02d}-{val_acc:.1f}.hdf5", monitor="val_acc", save_best_only=True)
unknown = EarlyStopping(monitor="val_f1", patience=9)
fit = network(["accuracy", f1]).fit(X, Y, 5, 9, 0, [stop, reduce, keep, unknown, Own()], validation_data=(X, Y))
other = EarlyStopping(monitor="val_accuracy", patience=1, min_delta=2)
again = network(["acc"]).fit(X, Y, epochs=9, verbose=0, callbacks=[other], validation_data=(X, Y))
TensorBoard(batch_size=32, write_grads=False)
""")
    assert names["stop"].stopped_epoch == names["other"].stopped_epoch == 1
    assert len(names["fit"].history["loss"]) == len(names["again"].history["loss"]) == 2
    assert names["seen"] == [True, True]
    assert names["fit"].history["lr"][-1] == pytest.approx(1e-3) and float(names["reduce"].min_delta) == 2
    assert float(names["reduce"].model.optimizer.learning_rate) == pytest.approx(1e-4)
    assert names["keep"].best is not None and len(list(Path().glob("w-01-0.?.hdf5"))) == 1
    assert "the metric 'val_acc' is 'val_accuracy' here" in texts
    assert "monitor='val_f1' needs mode='min' today" in texts
