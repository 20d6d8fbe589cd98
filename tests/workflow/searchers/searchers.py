from hyperas.distributions import choice, loguniform, lognormal, normal, pchoice, qlognormal, qloguniform
from hyperas.distributions import qnormal, quniform, randint, uniform, uniformint


def data():
    goal = 0.3
    return goal


def model(goal):
    u = {{uniform(-1, 1)}}
    qu = {{quniform(1, 10, 3)}}
    lu = {{loguniform(-7, 0)}}
    qlu = {{qloguniform(0, 5, 2)}}
    n = {{normal(5, 2)}}
    qn = {{qnormal(10, 3, 1)}}
    ln = {{lognormal(0, 1)}}
    qln = {{qlognormal(0, 1, 0.5)}}
    r = {{randint(3, 8)}}
    ui = {{uniformint(1, 9)}}
    weighted = {{pchoice([(0.9, "often"), (0.1, "seldom")])}}
    nested = {{choice(["none", hp.uniform("momentum", 0, 1), hp.choice("inner", [2, hp.uniform("rate", 3, 4)])])}}
    if r == 7:
        raise ValueError("no memory")
    numbers = [qu, lu, qlu, n, qn, ln, qln, ui]
    loss = (u - goal) ** 2 + 0.01 * sum(numbers) + (weighted == "often") + (0 if nested == "none" else nested)
    return {"loss": loss, "status": "ok"}
