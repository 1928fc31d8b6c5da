"""NumPy: sorting; linear algebra, by the OpenBLAS of its wheel. Threads are set by the environment."""

import numpy as np

from inputs import *

VERSION = np.__version__


def kinds(library, threads):
    def sort(n, dtype):
        x = uniform([n], 1, dtype)
        return lambda: np.sort(x), lambda: some(np.sort(x))

    def matrices(n, dtype, count=1, definite=False):
        """Well conditioned matrices [count, n, n], or one [n, n]."""
        x = uniform([count, n, n], 1, dtype)
        x = x if count > 1 else x[0]
        return (x @ x.T if definite else x) + np.eye(n, dtype=dtype) * np.array(n, dtype)

    def result(f):
        return f, lambda: some(f())

    def linalg_cholesky(n, dtype):
        a = matrices(n, dtype, definite=True)
        return result(lambda: np.linalg.cholesky(a))

    def linalg_solve(n, dtype, columns, count=1):
        a = matrices(n, dtype, count)
        b = uniform([*a.shape[:-1], columns], 2, dtype)
        return result(lambda: np.linalg.solve(a, b))

    def linalg_inv(n, dtype, count=1):
        a = matrices(n, dtype, count)
        return result(lambda: np.linalg.inv(a))

    def linalg_det(n, dtype, count=1):
        a = matrices(n, dtype, count)
        return result(lambda: np.linalg.det(a))

    def linalg_qr(n, dtype):
        a = matrices(n, dtype)
        return result(lambda: np.abs(np.linalg.qr(a).R))

    def linalg_eigh(n, dtype):
        a = matrices(n, dtype, definite=True)
        return result(lambda: np.linalg.eigh(a).eigenvalues)

    def linalg_svd(n, dtype):
        a = matrices(n, dtype)
        return result(lambda: np.linalg.svd(a).S)

    return {
        "sort": sort,
        "linalg-cholesky": linalg_cholesky,
        "linalg-solve": linalg_solve,
        "linalg-inv": linalg_inv,
        "linalg-det": linalg_det,
        "linalg-qr": linalg_qr,
        "linalg-eigh": linalg_eigh,
        "linalg-svd": linalg_svd,
    }
