from .battery import charged as charged
from .battery import exchange_bounds as exchange_bounds
from .battery import usable_kwh as usable_kwh
from .errors import InputError as InputError
from .errors import Problem as Problem
from .errors import nearest as nearest
from .streams import Streams as Streams
from .calendar import Calendar as Calendar
