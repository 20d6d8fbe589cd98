#!/usr/bin/env python3
import functools
import logging
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
from hyperas import optim
from hyperas.distributions import choice, quniform, uniform
from hyperopt import STATUS_OK, Trials, tpe
from tensorflow import keras

logging.basicConfig(level=logging.INFO)
log = logging.getLogger(__name__)
Arrays = Tuple[np.ndarray, np.ndarray]


def timed(label: str) -> Callable:
    def wrap(function: Callable) -> Callable:
        @functools.wraps(function)
        def inner(*args, **kwargs):
            start = time.time()
            result = function(*args, **kwargs)
            log.info('%s: %.1f s', label, time.time() - start)
            return result
        return inner
    return wrap


def make_data() -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.RandomState(11)
    weights: np.ndarray = rng.normal(size=5)
    x: np.ndarray = rng.normal(size=(260, 5))
    y: np.ndarray = x @ weights + 0.1 * rng.normal(size=260)
    x_train, y_train, x_val, y_val = x[:200], y[:200], x[200:], y[200:]
    return x_train, y_train, x_val, y_val


@timed('trial: all of it (with evaluation)')
def fit_model(
    x_train: np.ndarray,
    y_train: np.ndarray,  # targets: floats, not {0, 1}
    x_val: 'np.ndarray',
    y_val: Optional[Dict[str, np.ndarray]],
) -> Dict[str, Any]:
    """Train one network."""
    units: int = {{choice([8, 16])}}
    layers: List[int] = [units] * int({{quniform(1, 2, 1)}})
    rate: float = {{uniform(0, 0.2)}}

    inputs = keras.Input(shape=(5,))
    x = inputs
    for n in layers:
        x = keras.layers.Dense(n, activation='relu')(x)
        x = keras.layers.Dropout(rate)(x)
    outputs = keras.layers.Dense(1)(x)
    model: keras.Model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam({{choice([0.003, 0.01])}}), loss='mae')

    model.fit(x_train, y_train, epochs=2, batch_size=16, verbose=0)
    mae: float = model.evaluate(x_val, y_val, verbose=0)
    print(f'{units} units in {len(layers)} layers: {mae:.3f}')
    return dict(loss=mae, status=STATUS_OK, model=model)


def main() -> None:
    run, model = optim.minimize(model=fit_model, data=make_data, algo=tpe.suggest, max_evals=5,
                                trials=Trials(), rseed=2021, verbose=False)
    log.info('best: %s', run)


if __name__ == '__main__':
    main()
