"""The type of arrays of floating-point numbers, of which the first implementation has another."""

import numpy as np
from numpy.typing import NDArray

type FloatArray = NDArray[np.float64]
