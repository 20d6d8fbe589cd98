from hyperas import optim
from hyperopt import Trials, STATUS_OK, tpe


def data():
    from pairs_helper import make_pairs
    a, b, same = make_pairs(300, seed=5)
    x_train = [a[:200], b[:200]]
    x_test = [a[200:], b[200:]]
    y_train, y_test = same[:200], same[200:]
    return x_train, y_train, x_test, y_test


import tensorflow as tf
from tensorflow.keras import backend as K
from tensorflow.keras.layers import Input, Dense, Lambda, Concatenate
from keras.models import Model
from hyperas.distributions import choice, uniform


def siamese(x_train, y_train, x_test, y_test):
    left = Input(shape=(N_FEATURES,), name='left')
    right = Input(shape=(N_FEATURES,), name='right')

    shared = Dense({{choice([8, 16])}}, activation={{choice(['relu', 'tanh'])}}, name='shared')
    code = Dense({{choice([4, 8])}}, name='code')
    drop = Dropout({{uniform(0, 0.3)}})
    code_left = code(drop(shared(left)))
    code_right = code(drop(shared(right)))

    merge = {{choice(['distance', 'concatenate'])}}
    if merge == 'distance':
        both = Lambda(lambda codes: K.abs(codes[0] - codes[1]), name='distance')([code_left, code_right])
    else:
        both = Concatenate(name='both')([code_left, code_right])
        both = Dense(8, activation='relu')(both)
    same = Dense(1, activation='sigmoid', name='same')(both)

    model = Model(inputs=[left, right], outputs=same)
    model.compile(optimizer=tf.keras.optimizers.Adam(learning_rate={{choice([0.003, 0.01])}}),
                  loss='binary_crossentropy', metrics=['accuracy', tf.keras.metrics.AUC(name='auc')])
    early = EarlyStopping(monitor='val_loss', patience=2)
    result = model.fit(x_train, y_train, validation_data=(x_test, y_test),
                       epochs=2, batch_size=16, verbose=0, callbacks=[early])
    auc = max(result.history['val_auc'])
    print('best AUC', auc)
    return {'loss': -auc, 'status': STATUS_OK, 'model': model}


from keras.layers import Dropout
from keras.callbacks import EarlyStopping
from pairs_helper import N_FEATURES


if __name__ == '__main__':
    trials = Trials()
    best_run, best_model, space = optim.minimize(model=siamese,
                                                 data=data(),
                                                 algo=tpe.suggest,
                                                 max_evals=5,
                                                 trials=trials,
                                                 eval_space=True,
                                                 return_space=True)
    x_train, y_train, x_test, y_test = data()
    print(best_run)
    print(best_model.evaluate(x_test, y_test))
