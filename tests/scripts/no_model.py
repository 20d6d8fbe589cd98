import math

import numpy as np
import pandas as pd
import xgboost as xgb
import lightgbm
from hyperas import optim
from hyperas.unknown import x
from hyperas.distributions import choice, uniform, quniform, loguniform
from hyperopt import Trials, STATUS_OK, tpe
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import cross_val_score


def get_frame():
    rng = np.random.RandomState(3)
    frame = pd.DataFrame(rng.uniform(-1, 1, (200, 4)), columns=list('abcd'))
    frame['target'] = np.sin(3 * frame.a) + frame.b * frame.c + rng.normal(0, 0.1, 200)
    return frame


def forest(frame):
    X, y = frame.drop('target', axis=1), frame['target']
    regressor = RandomForestRegressor(n_estimators=int({{quniform(5, 30, 5)}}),
                                      max_depth={{choice([2, 4, None])}},
                                      max_features={{uniform(0.3, 1)}},
                                      min_samples_leaf=int({{quniform(1, 9, 2)}}),
                                      ccp_alpha={{loguniform(-9, -4)}},
                                      random_state=0)
    # params = {'eta': {{uniform(0.01, 0.3)}}, 'max_depth': 4}
    # regressor = xgb.XGBRegressor(**params)
    score = cross_val_score(regressor, X, y, cv=3, scoring='neg_mean_squared_error').mean()
    return {'loss': -score, 'status': STATUS_OK}


if __name__ == '__main__':
    best_run, _ = optim.minimize(model=forest, data=get_frame, algo=tpe.suggest, max_evals=20, trials=Trials())
    print(best_run)
    print('sqrt(2) is', math.sqrt(2))
