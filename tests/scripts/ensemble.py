from __future__ import print_function

import numpy as np
from sklearn.metrics import accuracy_score

from hyperopt import Trials, STATUS_OK, rand
from hyperas import optim
from hyperas.distributions import choice, uniform
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation
from keras.optimizers import RMSprop
from keras.utils import to_categorical


def data():
    rng = np.random.RandomState(99)
    nb_classes = 4
    angle = rng.uniform(0, 2 * np.pi, 360)
    radius = rng.uniform(0.5, 2, 360)
    X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]).astype('float32')
    y = (X[:, 0] > 0) * 2 + (X[:, 1] > 0)
    X_train, X_test = X[:280], X[280:]
    Y_train = to_categorical(y[:280], nb_classes)
    Y_test = to_categorical(y[280:], nb_classes)
    return X_train, X_test, Y_train, Y_test


def model(X_train, X_test, Y_train, Y_test):
    model = Sequential()
    model.add(Dense(16, input_shape=(2,)))
    model.add(Activation('relu'))
    model.add(Dropout({{uniform(0, 0.5)}}))
    model.add(Dense({{choice([8, 16, 32])}}))
    model.add(Activation('relu'))
    model.add(Dropout({{uniform(0, 0.5)}}))
    model.add(Dense(4))
    model.add(Activation('softmax'))

    rms = RMSprop()
    model.compile(loss='categorical_crossentropy', optimizer=rms, metrics=['accuracy'])

    model.fit(X_train, Y_train,
              batch_size={{choice([16, 32])}},
              epochs=2,
              verbose=2,
              validation_data=(X_test, Y_test))
    score, acc = model.evaluate(X_test, Y_test, verbose=0)
    print('Test accuracy:', acc)
    return {'loss': -acc, 'status': STATUS_OK, 'model': model}


if __name__ == '__main__':

    X_train, X_test, Y_train, Y_test = data()

    ensemble_model = optim.best_ensemble(nb_ensemble_models=5,
                                         model=model, data=data,
                                         algo=rand.suggest, max_evals=10,
                                         trials=Trials(),
                                         voting='hard')
    preds = ensemble_model.predict(X_test)
    y_test = np.argmax(Y_test, axis=1)
    print(accuracy_score(preds, y_test))
