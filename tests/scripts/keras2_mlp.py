from __future__ import print_function
import numpy as np

from hyperopt import Trials, STATUS_OK, tpe
from keras.layers.core import Dense, Dropout, Activation
from keras.models import Sequential
from keras.utils import np_utils

from hyperas import optim
from hyperas.distributions import choice, uniform, conditional


def data():
    '''
    Data providing function:

    Make sure to have every relevant import statement included here and return data as
    used in model function below. This function is separated from model() so that hyperopt
    won't generate the data again for each evaluation run.
    '''
    rng = np.random.RandomState(1671)
    nb_classes = 3
    centers = rng.normal(0, 2, (nb_classes, 20))
    y = rng.randint(0, nb_classes, 400)
    X = centers[y] + rng.normal(0, 1, (400, 20))
    X = X.astype('float32')
    X /= X.max()

    X_train, X_test = X[:300], X[300:]
    y_train, y_test = y[:300], y[300:]
    print(X_train.shape[0], 'train samples')
    print(X_test.shape[0], 'test samples')

    Y_train = np_utils.to_categorical(y_train, nb_classes)
    Y_test = np_utils.to_categorical(y_test, nb_classes)
    return X_train, Y_train, X_test, Y_test


def model(X_train, Y_train, X_test, Y_test):
    '''
    Model providing function:

    Create Keras model with double curly brackets dropped-in as needed.
    The return value has to be a python dictionary with the keys loss and status,
    and optionally model.
    '''
    model = Sequential()
    model.add(Dense(16, input_shape=(20,)))
    model.add(Activation('relu'))
    model.add(Dropout({{uniform(0, 1)}}))
    model.add(Dense({{choice([8, 16, 32])}}, input_dim=16))
    model.add(Activation({{choice(['relu', 'sigmoid'])}}))
    model.add(Dropout({{uniform(0, 1)}}))

    # If we choose 'four', add an additional fourth layer
    if conditional({{choice(['three', 'four'])}}) == 'four':
        model.add(Dense(10))
        model.add(Activation('relu'))

    model.add(Dense(3))
    model.add(Activation('softmax'))

    model.compile(loss='categorical_crossentropy', metrics=['accuracy'],
                  optimizer={{choice(['rmsprop', 'adam', 'sgd'])}})

    history = model.fit(X_train, Y_train,
                        batch_size={{choice([64, 128])}},
                        nb_epoch=2,
                        verbose=2,
                        validation_data=(X_test, Y_test))
    print('Validation accuracy per epoch:', history.history['val_acc'])
    score, acc = model.evaluate(X_test, Y_test, verbose=0)
    print('Test accuracy:', acc)
    return {'loss': -acc, 'status': STATUS_OK, 'model': model}


if __name__ == '__main__':
    X_train, Y_train, X_test, Y_test = data()
    best_run, best_model = optim.minimize(model=model,
                                          data=data,
                                          algo=tpe.suggest,
                                          max_evals=5,
                                          trials=Trials())
    print("Evaluation of best performing model:")
    print(best_model.evaluate(X_test, Y_test))
    print(best_run)
