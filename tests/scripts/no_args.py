# how to see the hyperparameters of each trial? -> print(space), found on stackoverflow
import json
import numpy as np
import globalvars
from keras import models, layers, optimizers
from hyperopt import Trials, STATUS_OK, tpe
from hyperas import optim
from hyperas.distributions import choice, uniform
from hyperas.utils import eval_hyperopt_space


def data():
    n_steps = 10
    sizes = [4, 8, 12]          # used in the templates below
    rng = np.random.RandomState(20)
    start = rng.uniform(0, 2 * np.pi, 260)
    waves = np.sin(start[:, None] + 0.5 * np.arange(n_steps + 1)) + rng.normal(0, .05, (260, n_steps + 1))
    X, y = waves[:, :-1, None], waves[:, -1]
    X_train = X[:200]
    X_test = X[200:]
    Y_train = y[:200]
    Y_test = y[200:]
    return X_train, X_test, Y_train, Y_test


def model():
    globalvars.globalVar += 1

    cell = {{choice(['lstm', 'gru', 'conv'])}}
    neurons = {{choice(sizes)}}
    model = models.Sequential()
    if cell == 'conv':
        model.add(layers.Conv1D(neurons, {{choice([2, 3])}}, activation='relu', input_shape=(n_steps, 1)))
        model.add(layers.Flatten())
    elif cell == 'gru':
        model.add(layers.GRU(neurons, input_shape=(n_steps, 1)))
    else:
        model.add(layers.LSTM(neurons, input_shape=(n_steps, 1)))
    model.add(layers.Dense({{choice([4, 8])}}, activation='relu'))
    model.add(layers.Dropout({{uniform(0, .2)}}))
    model.add(layers.Dense(1))

    adam = optimizers.Adam(learning_rate={{choice([10**-3, 10**-2])}})
    rmsprop = optimizers.RMSprop(learning_rate={{choice([10**-3, 10**-2])}})

    choiceval = {{choice(['adam', 'rmsprop'])}}
    if choiceval == 'adam':
        optim = adam
    else:
        optim = rmsprop

    model.compile(loss='mean_squared_error', optimizer=optim, metrics=['mae'])
    model.fit(X_train, Y_train, epochs=2, batch_size={{choice(np.arange(16, 33))}}, verbose=0)
    mse, mae = model.evaluate(X_test, Y_test, verbose=0)

    if 'results' not in globals():
        global results
        results = []
    parameters = space
    results.append(mae)
    print("parameters of run", globalvars.globalVar, parameters, results)
    return {'loss': mae, 'status': STATUS_OK, 'model': model}


if __name__ == '__main__':
    trials = Trials()
    best_run, best_model, space = optim.minimize(model, data, tpe.suggest, 4, trials, return_space=True)
    json.dump(str(eval_hyperopt_space(space, best_run)), open('best_run.json', 'w'))
