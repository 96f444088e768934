from .foreign import Foreign as Foreign
from .foreign import Wishes as Wishes
from .foreign import write_dataset as write_dataset
from .kinds import KINDS as KINDS
from .kinds import read_foreign as read_foreign
