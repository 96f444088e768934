"""What agents offers, one name a line; a name is imported when first used."""

from .community_energy_aggregator import CommunityEnergyAggregator as CommunityEnergyAggregator
from .consumer import Building as Building
from .consumer import Consumer as Consumer
from .consumer import Household as Household
from .electric_vehicle import ElectricVehicle as ElectricVehicle
from .fleet import Fleet as Fleet
from .fleet import ParkedVehicles as ParkedVehicles
from .row_agent import AgentGroup as AgentGroup
from .row_agent import Column as Column
from .row_agent import RowAgent as RowAgent
from .utility_company import UtilityCompany as UtilityCompany
