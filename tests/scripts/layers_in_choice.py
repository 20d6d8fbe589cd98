import numpy as np
from hyperas import optim
from hyperas.distributions import (choice, pchoice, uniform, quniform, normal, lognormal,
                                   loguniform, qloguniform, randint)
from hyperopt import STATUS_OK, Trials, tpe
import keras
from keras import optimizers
from keras.layers import Activation, BatchNormalization, Dense, Dropout, GaussianNoise, LeakyReLU
from keras.models import Sequential
from keras.optimizers import Adam, RMSprop, SGD


def data():
    # two moons, with some useless columns
    np.random.seed(42)
    n = 300
    t = np.random.uniform(0, np.pi, n)
    label = np.random.randint(0, 2, n)
    x = np.column_stack([np.cos(t) + label, np.sin(t) * (1 - 2 * label) + 0.5 * label])
    x = np.hstack([x, np.random.normal(size=(n, 4))]) + np.random.normal(0, 0.1, (n, 6))
    x_train, x_val = x[:200], x[200:]
    y_train, y_val = label[:200], label[200:]
    return x_train, y_train, x_val, y_val


def create_model(x_train, y_train, x_val, y_val):

    hidden = {{choice([[16], [16, 8], [12, 12, 6]])}}       # units of each hidden layer
    width = {{qloguniform(1.5, 3, 2)}}
    seed = {{randint(1000)}}
    keras.utils.set_random_seed(int(seed))

    model = Sequential()
    model.add(Dense(int(width) + 2, input_dim=6,
                    kernel_initializer={{choice(['glorot_uniform', 'he_normal', 'lecun_uniform'])}},
                    kernel_regularizer={{choice([None, 'l2'])}}))
    model.add({{choice([Dropout(0.5), Activation('linear')])}})
    if {{choice([True, False])}}:
        model.add(BatchNormalization())
    model.add({{choice([Activation('relu'), Activation('tanh'), LeakyReLU()])}})

    for units in hidden:
        model.add(Dense(units, {{pchoice([(0.7, 'relu'), (0.2, 'tanh'), (0.1, 'selu')])}}))
    model.add(GaussianNoise({{lognormal(-4, 0.5)}}))
    model.add(Dropout({{uniform(0, .5)}}))
    model.add(Dense(int({{quniform(4, 16, q=4)}}), activation={{choice(['relu', 'elu'])}}))
    model.add(Dropout({{uniform(0, .5)}}))
    model.add(Dense(1, bias_initializer=keras.initializers.Constant({{normal(0, 0.1)}}), activation='sigmoid'))

    model.compile(loss={{choice(['binary_crossentropy', 'mse', 'hinge'])}},
                  metrics='accuracy',
                  optimizer={{choice([Adam(), RMSprop(0.005), SGD(0.1, momentum=0.9), optimizers.Nadam()])}})

    adam_lr = {{loguniform(-7, -4)}}
    if {{choice(['as it is', 'slower'])}} == 'slower':
        model.compile(loss='binary_crossentropy', metrics='accuracy', optimizer=Adam(adam_lr))

    model.fit(x_train, y_train, epochs={{choice([1, 2])}}, batch_size={{choice([16, 32])}}, verbose=0,
              class_weight=None, validation_data=(x_val, y_val))
    loss, acc = model.evaluate(x_val, y_val, verbose=0)
    return {'loss': 1 - acc, 'status': STATUS_OK, 'model': model}


best_run, best_model = optim.minimize(model=create_model, data=data, algo=tpe.suggest, max_evals=8,
                                      trials=Trials(), eval_space=True)
print(best_run)
