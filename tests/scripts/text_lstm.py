from __future__ import print_function
from hyperopt import Trials, STATUS_OK, tpe
from hyperas import optim
from hyperas.distributions import choice, uniform

from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation
from keras.layers import Embedding, LSTM, Bidirectional
from keras.callbacks import EarlyStopping, ModelCheckpoint


def data():
    import numpy as np
    from keras.preprocessing import sequence
    from keras.preprocessing.text import Tokenizer

    np.random.seed(1337)
    maxlen = 12
    max_features = 60

    good = ['good', 'great', 'lovely', 'fun', 'moving', 'funny', 'bright', 'superb']
    bad = ['bad', 'dull', 'awful', 'boring', 'poor', 'flat', 'lame', 'weak']
    rest = ['the', 'a', 'film', 'plot', 'actor', 'was', 'is', 'and', 'it', 'scene', 'very', 'of']

    def review(words):
        length = np.random.randint(5, 16)
        return ' '.join(np.random.choice(words if np.random.rand() < 0.4 else rest) for _ in range(length))

    labels = np.random.randint(0, 2, 300)
    texts = [review(good if label else bad) for label in labels]

    print('Tokenizing...')
    tokenizer = Tokenizer(num_words=max_features)
    tokenizer.fit_on_texts(texts[:200])
    sequences = tokenizer.texts_to_sequences(texts)
    padded = sequence.pad_sequences(sequences, maxlen=maxlen)
    X_train, X_test = padded[:200], padded[200:]
    y_train, y_test = labels[:200], labels[200:]
    print(len(X_train), 'train sequences')
    print(len(X_test), 'test sequences')

    return X_train, X_test, y_train, y_test, maxlen, max_features


def model(X_train, X_test, y_train, y_test, maxlen, max_features):
    model = Sequential()
    model.add(Embedding(max_features, 16, input_length=maxlen))
    model.add(Dropout({{uniform(0, 0.3)}}))
    if {{choice(['one way', 'both ways'])}} == 'both ways':
        model.add(Bidirectional(LSTM(4)))
    else:
        model.add(LSTM({{choice([4, 8])}}))
    model.add(Dropout({{uniform(0, 1)}}))
    model.add(Dense(1))
    model.add(Activation('sigmoid'))

    model.compile(loss='binary_crossentropy',
                  optimizer='adam',
                  metrics=['accuracy'])

    early_stopping = EarlyStopping(monitor='val_loss', patience=4)
    checkpointer = ModelCheckpoint(filepath='keras_weights.hdf5',
                                   verbose=1,
                                   save_best_only=True)

    model.fit(X_train, y_train,
              batch_size={{choice([16, 32])}},
              epochs=2,
              validation_split=0.08,
              callbacks=[early_stopping, checkpointer])

    score, acc = model.evaluate(X_test, y_test, verbose=0)

    print('Test accuracy:', acc)
    return {'loss': -acc, 'status': STATUS_OK, 'model': model}


if __name__ == '__main__':
    best_run, best_model = optim.minimize(model=model,
                                          data=data,
                                          algo=tpe.suggest,
                                          max_evals=5,
                                          trials=Trials())
    print(best_run)
