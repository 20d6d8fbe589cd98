import os, sys
import time; os.environ['CUDA_VISIBLE_DEVICES'] = ''
import numpy as np
import matplotlib.pyplot as plt, pandas as pd
try:
    import cPickle as pickle
except ImportError:
    import pickle
if sys.version_info[0] < 3:
    from itertools import imap as map

from keras.layers import Dense as D
from keras.layers import Dropout as Drop
from keras.models import \
    Sequential, \
    load_model
from hyperopt import Trials, STATUS_OK, tpe
from hyperas.optim import minimize
from hyperas.distributions import *
import keras.backend as K
sys.path.append(os.path.dirname(os.path.abspath(sys.argv[0])))
SEED = 17


def dataset():
    import string, collections as col
    from numpy import (
        array,
        random as rnd,
    )
    rnd.seed(17)
    letters = array(list(string.ascii_lowercase[:6]))
    words = rnd.choice(letters, (220, 8))
    x = array([[col.Counter(word)[letter] for letter in letters] for word in words], 'float32')
    y = (x[:, 0] + x[:, 1] > x[:, 2] + x[:, 3]).astype('float32')
    xtr, xte = x[:160], x[160:]
    ytr, yte = y[:160], y[160:]
    return xtr, ytr, xte, yte


def net(xtr, ytr, xte, yte):
    from keras.callbacks import EarlyStopping; from keras import regularizers
    from keras.optimizers import Adam, SGD
    model = Sequential([
        D({{choice([8, 16])}}, activation='relu', input_shape=(6,),
          kernel_regularizer=regularizers.l2({{loguniform(np.log(1e-5), np.log(1e-2))}})),
        Drop({{uniform(0, 0.4)}}),
        D(1, activation='sigmoid')
    ])
    model.compile(loss='binary_crossentropy', optimizer={{choice([Adam(0.01), SGD(0.05)])}},
                  metrics=['accuracy'])
    start = time.time()
    model.fit(xtr, ytr, epochs=2, batch_size=16, verbose=0, callbacks=[EarlyStopping('loss')])
    loss, acc = model.evaluate(xte, yte, verbose=0)
    return {'loss': K.epsilon() - acc, 'status': STATUS_OK, 'model': model, 'seconds': time.time() - start}


best_run, best_model = minimize(net, dataset, tpe.suggest, 3, Trials())
print(pd.Series(best_run))
pickle.dump(best_run, open('best_run.pkl', 'wb'))
