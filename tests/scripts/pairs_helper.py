import numpy as np

N_FEATURES = 6


def make_pairs(n, seed=0):
    """Pairs of noisy points, and whether both come from the same of three sources."""
    rng = np.random.RandomState(seed)
    sources = rng.normal(0, 2, (3, N_FEATURES))
    left, right = rng.randint(0, 3, n), rng.randint(0, 3, n)
    right = np.where(rng.rand(n) < 0.3, left, right)
    a = sources[left] + rng.normal(0, 0.5, (n, N_FEATURES))
    b = sources[right] + rng.normal(0, 0.5, (n, N_FEATURES))
    return a.astype('float32'), b.astype('float32'), (left == right).astype('float32')
