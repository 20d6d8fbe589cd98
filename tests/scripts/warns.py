# -*- coding: utf-8 -*-
u"""
Suche nach {{Hyperparametern}} für Ströme – α, β und γ.   {{not a template}}

Started with:  python warns.py 2>&1 | tee log_{date}.txt
"""
import numpy as np
from keras.models import Sequential
from keras.layers import *
from keras.optimizers import Adam
from hyperopt import Trials, STATUS_OK, tpe
from hyperas import optim
from hyperas.distributions import choice, uniform#, conditional

# space = {'units': {{choice([8, 16])}}, 'rate': {{uniform(0, 1)}}}   <- does not work :(


def prepare():
    """
    Daten für create_model: x_train, y_train, x_test, y_test.

    Templates like {{not a template}} belong in the model; here they're text.
    return nothing before the end!
    """
    # {'größe': {'x': 1}} and {{uniform(0, 1)}} in a comment
    größe = 250; farben = {'rot': '#ff0000', "grün": "#00ff00", 'weiß': {'hell': '#fff'}}
    np.random.seed(len(farben))

    x = np.random.rand(größe, 5)
    text = '{{{}}} Zeilen, 100 % "Übung"'.format(größe)
    print(text, '→', x.shape)

    def übertragung(z):
        return (z[:, 0] * z[:, 1] > z[:, 2] * .5).astype(int)   # return of a helper inside

    y = übertragung(x)
    class_weight = {0: 1., 1: (y == 0).sum() / (y == 1).sum()}
    x_train, x_test = x[:180], x[180:]
    y_train, y_test = y[:180], y[180:]
    return x_train, y_train, x_test, y_test # das war's


def create_model(x_train, y_train, x_test, y_test):
    """
    Create Keras model with double curly brackets dropped-in as needed.
    """
    model = Sequential()
    model.add( Dense( {{ choice([8, 16]) }} , input_shape = (5,) ) )
    #model.add(Dropout({{uniform(0, 1)}}))
    model.add(Activation(activation = {{ choice([ 'relu',   # the usual
                                                  "tanh",   # old fashion
                                                  'softplus' ]) }} ))
    model.add(Dense(units={{
        choice([
            4,
            8,
        ])
    }}, activation='relu'))
    # model.add(Dense({{choice([16, 32])}}))   # 64 was worse
    model.add(Dropout( rate={{uniform(0,0.5)}} ))   # {0 .. 0.5}
    label = {{choice(["it's", 'say "hi"', 'naïve ☃', """three"s"""])}}
    if ({{choice(['batchnorm', 'without'])}}) == 'batchnorm':
        model.add(BatchNormalization())
    weights = {'none': {'w': None}, 'balanced': {'w': class_weight}}
    weight = weights[{{choice(['none', 'balanced'])}}]['w']
    α = {{choice([10**-3, 1e-2, 3*10**-2])}} # Lernrate
    model.add(Dense(1, activation='sigmoid'))
    model.compile('adam' if label == "it's" else Adam(α), 'binary_crossentropy', metrics=['acc'])

    model.fit(x_train, y_train,
        batch_size= {{choice([8, 16, 32])}}, # 32
        epochs=2, verbose=0, class_weight=weight)
    score, acc = model.evaluate(x_test, y_test, verbose=0)
    print(u'%s – Genauigkeit: {%.2f}' % (label, acc))
    return {'loss': -acc, 'status': STATUS_OK,
            'model': model}


if __name__ == '__main__':
    best_run, best_model = optim.minimize(
        trials=Trials(), max_evals=4, algo=tpe.suggest,
        data=prepare, model=create_model, verbose=False)
    print("{}".format(best_run))
