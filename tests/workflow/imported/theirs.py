from hyperas.distributions import uniform


def model(x_train, y_train, x_test, y_test):
    x = {{uniform(0, 1)}}
    return {"loss": x - x_train.mean(), "status": "ok"}
