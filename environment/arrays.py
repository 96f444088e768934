"""The type of arrays of floating-point numbers."""

import numpy as np
from numpy.typing import NDArray

type FloatArray = NDArray[np.float64]
