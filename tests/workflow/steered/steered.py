from hyperas.distributions import choice, quniform, uniform


def data():
    optimum = 1.5
    return optimum


def model(optimum):
    x = {{uniform(-5, 5)}}
    n = {{quniform(1, 20, 1)}}
    kind = {{choice(["a", "b"])}}
    return {"loss": (x - optimum) ** 2 + abs(n - 7) + len(kind), "status": "ok"}
