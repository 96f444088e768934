"""What agents offers, one name a line; a name is imported when first used."""

from .community_energy_aggregator import CommunityEnergyAggregator as CommunityEnergyAggregator
from .consumer import Building as Building
from .consumer import Consumer as Consumer
from .consumer import Household as Household
from .electric_vehicle import ElectricVehicle as ElectricVehicle
from .fleet import Fleet as Fleet
from .fleet import ParkedVehicles as ParkedVehicles
from .home_devices import AirConditioner as AirConditioner
from .home_devices import Appliance as Appliance
from .home_devices import Appliances as Appliances
from .home_devices import DevicesOfADay as DevicesOfADay
from .home_devices import FuelCell as FuelCell
from .home_devices import Generators as Generators
from .home_devices import HomeGenerator as HomeGenerator
from .home_devices import HomeStorage as HomeStorage
from .home_devices import Photovoltaics as Photovoltaics
from .home_devices import Storages as Storages
from .home_devices import VentilationFan as VentilationFan
from .row_agent import AgentGroup as AgentGroup
from .row_agent import Column as Column
from .row_agent import RowAgent as RowAgent
from .smart_homes import ControlSettings as ControlSettings
from .smart_homes import HomeController as HomeController
from .smart_homes import SmartHomes as SmartHomes
from .utility_company import UtilityCompany as UtilityCompany
