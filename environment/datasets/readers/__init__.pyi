from .foreign import Foreign as Foreign
from .foreign import ImportOptions as ImportOptions
from .foreign import write_dataset as write_dataset
from .kinds import KINDS as KINDS
from .kinds import read_foreign as read_foreign
