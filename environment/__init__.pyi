from .errors import InputError as InputError
from .errors import Problem as Problem
from .errors import nearest as nearest
