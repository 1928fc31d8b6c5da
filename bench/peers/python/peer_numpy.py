"""NumPy: what it is quickest at. One thread."""

from inputs import *

VERSION = np.__version__


def kinds(library, threads):
    def sort(n, dtype):
        x = uniform([n], 1, dtype)
        return lambda: np.sort(x), lambda: some(np.sort(x))

    return {"sort": sort}
