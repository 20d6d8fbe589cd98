#!/usr/bin/env python
# coding: utf-8

import pandas as pd
import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
from keras.models import Sequential
from keras.layers import Dense, Dropout
from keras.wrappers.scikit_learn import KerasRegressor
from hyperopt import Trials, STATUS_OK, tpe
from hyperas import optim
from hyperas.distributions import choice, uniform


def get_houses():
    df = pd.read_csv('houses.csv')
    df = df.dropna()
    df['age'] = 2019 - df.pop('built')
    df = pd.get_dummies(df, columns=['district'], dtype=float)

    y = (df['price'] - df['price'].mean()) / df['price'].std()
    X = df.drop('price', axis=1)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25)

    scaler = StandardScaler().fit(X_train)
    X_train = pd.DataFrame(scaler.transform(X_train), columns=X.columns, index=X_train.index)
    X_test = pd.DataFrame(scaler.transform(X_test), columns=X.columns, index=X_test.index)
    return (X_train, y_train,
            X_test, y_test)


def regression(X_train, y_train, X_test, y_test):
    model = Sequential()
    model.add(Dense({{choice([8, 16, 32])}}, input_dim=X_train.shape[1], activation={{choice(['relu', 'tanh'])}}))
    model.add(Dropout({{uniform(0, 0.3)}}))
    model.add(Dense({{choice([4, 8])}}, activation='relu'))
    model.add(Dense(1))
    model.compile(loss='mse', optimizer={{choice(['adam', 'rmsprop'])}})

    history = model.fit(X_train, y_train,
                        validation_split=0.2,
                        epochs=2, batch_size={{choice([4, 8])}},
                        verbose=0)
    predicted = model.predict(X_test).flatten()
    mae = np.mean(np.abs(y_test - predicted))
    print('mean absolute error: {:.2f} standard deviations'.format(mae))
    return {
        'loss': history.history['val_loss'][-1],
        'status': STATUS_OK,
        'model': model,
        'mae': mae,
    }


if __name__ == '__main__':
    best_run, best_model = optim.minimize(
        model=regression,
        data=get_houses,
        algo=tpe.suggest,
        max_evals=10,
        trials=Trials()
    )
    X_train, y_train, X_test, y_test = get_houses()
    print(best_run, best_model.evaluate(X_test, y_test))
