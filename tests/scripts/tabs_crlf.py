"""
Created on Thu Mar  8 2018

@author: lab-pc
"""
import numpy as np
from keras.models import Sequential
from keras.layers import Dense, Dropout
from hyperopt import Trials, STATUS_OK, tpe
from hyperas import optim
from hyperas.distributions import choice, uniform


def prepare():
	np.random.seed(8)
	X = np.random.normal(size=(240, 4))
	y = np.zeros(len(X))
	for i in range(len(X)):
		if X[i, 0] > X[i, 1]:
			y[i] = 1
	X_train = X[:160];	X_test = X[160:]
	y_train = y[:160];	y_test = y[160:]

	return X_train, y_train, X_test, y_test

def create_model(X_train, y_train, X_test, y_test):
	model = Sequential()
	model.add(Dense({{choice([4, 8, 16])}},
	                input_dim=4,
	                activation={{choice(['relu',
	                                     'tanh'])}}))
	if {{choice(['one', 'two'])}} == 'two':
		model.add(Dense({{choice([4, 8])}}, activation='relu'))
		if {{choice(['drop', 'keep'])}} == 'drop':
			model.add(Dropout({{uniform(0, 0.4)}}))

	model.add(Dense(1, activation='sigmoid'))
	model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
	model.fit(X_train, y_train, batch_size={{choice([8, 16])}}, epochs=2, verbose=0)
	score, acc = model.evaluate(X_test, y_test, verbose=0)
	return {'loss': -acc, 'status': STATUS_OK, 'model': model}

if __name__ == '__main__':
	best_run, best_model = optim.minimize(algo=tpe.suggest, trials=Trials(), data=prepare,
	                                      max_evals=3, model=create_model)
	print(best_run)