"""NumPy: sorting; linear algebra, by the OpenBLAS of its wheel. Threads are set by the environment."""

import numpy as np

from inputs import *

VERSION = np.__version__


def kinds(library, threads):
    def sort(n, dtype):
        x = uniform([n], 1, dtype)
        return lambda: np.sort(x), lambda: some(np.sort(x))

    def matrices(n, dtype, count=1):
        """Well conditioned matrices, and right-hand sides or definite matrices made of the same numbers."""
        x = uniform([count, n, n], 1, dtype)
        return x if count > 1 else x[0]

    def result(f):
        return f, lambda: some(f())

    def linalg_cholesky(n, dtype):
        x = matrices(n, dtype)
        a = x @ x.T + np.eye(n, dtype=dtype) * np.array(n, dtype)
        return result(lambda: np.linalg.cholesky(a))

    def linalg_solve(n, dtype, columns, count=1):
        a = matrices(n, dtype, count) + np.eye(n, dtype=dtype) * np.array(n, dtype)
        b = uniform([*a.shape[:-1], columns], 2, dtype)
        return result(lambda: np.linalg.solve(a, b))

    def linalg_inv(n, dtype, count=1):
        a = matrices(n, dtype, count) + np.eye(n, dtype=dtype) * np.array(n, dtype)
        return result(lambda: np.linalg.inv(a))

    def linalg_det(n, dtype, count=1):
        a = matrices(n, dtype, count) + np.eye(n, dtype=dtype) * np.array(n, dtype)
        return result(lambda: np.linalg.det(a))

    return {
        "sort": sort,
        "linalg-cholesky": linalg_cholesky,
        "linalg-solve": linalg_solve,
        "linalg-inv": linalg_inv,
        "linalg-det": linalg_det,
    }
