# usage: python kfold_helpers.py --evals 20 --device /cpu:0
import argparse
import os

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'

import numpy as np
import tensorflow as tf
from hyperas import optim
from hyperas.distributions import choice, uniform
from hyperopt import STATUS_OK, Trials, tpe
from keras import backend as K
from keras.callbacks import Callback
from keras.layers import Dense, Dropout, Input
from keras.models import Model, Sequential
from keras.optimizers import Adam


def load():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(240, 8)).astype('float32')
    y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype('int32')
    return X, y


def hidden_block(x, name):
    """ A dense layer with dropout. """
    x = Dense({{choice([8, 16])}}, activation='relu', name=name)(x)
    rate = {{uniform(0, 0.5)}}
    return Dropout(rate)(x)


def build(n_inputs):
    inputs = Input(shape=(n_inputs,))
    x = hidden_block(inputs, 'first')
    x = hidden_block(x, 'second')
    x = hidden_block(x, 'third')
    outputs = Dense(1, activation='sigmoid')(x)
    model = Model(inputs, outputs)
    optimizer = Adam({{choice([0.003, 0.01, 0.03])}})
    model.compile(optimizer=optimizer, loss='binary_crossentropy', metrics=['accuracy'])
    return model


class LossHistory(Callback):
    """Keeps the loss of every batch."""

    def on_train_begin(self, logs={}):
        self.losses = []

    def on_batch_end(self, batch, logs={}):
        self.losses.append(logs.get('loss'))


def cross_validate(X, y):
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(n_splits=2, shuffle=True, random_state=1)
    scores = []
    for i, (train, test) in enumerate(folds.split(X, y)):
        K.clear_session()
        model = build(X.shape[1])
        batches = LossHistory()
        model.fit(X[train], y[train], epochs=2, batch_size={{choice([16, 32])}}, verbose=0,
                  callbacks=[batches])
        score = model.evaluate(X[test], y[test], verbose=0)
        print('fold %d: accuracy %.3f, %d batches' % (i, score[1], len(batches.losses)))
        scores.append(score[1])

    return {'loss': -np.mean(scores), 'status': STATUS_OK, 'model': model, 'scores': scores}


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--evals', type=int, default=10)
    parser.add_argument('--device', default='/cpu:0')
    args = parser.parse_args()
    trials = Trials()

    with tf.device('/cpu:0'):
        best_run, best_model = optim.minimize(model=cross_validate,
                                              data=load,
                                              functions=[hidden_block, build, LossHistory],
                                              algo=tpe.suggest,
                                              max_evals=args.evals,
                                              trials=trials,
                                              verbose=False)
    print(best_run)
    for trial in trials:
        print(trial['result']['loss'], trial['misc']['vals'])
