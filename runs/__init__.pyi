"""What runs offers, one name a line; a name is imported when first used."""

from .scenario import Scenario as Scenario
from .scenario import builtin_scenarios as builtin_scenarios
from .scenario import load_scenario as load_scenario
from .scenario import scenario_hash as scenario_hash
from .yaml_reader import read_yaml as read_yaml
