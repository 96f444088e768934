"""What markets offers, one name a line; a name is imported when first used."""

from .aggregator_response import ResponseMap as ResponseMap
from .aggregator_response import best_price as best_price
from .aggregator_response import response_map as response_map
from .demand_curve import DemandCurve as DemandCurve
from .demand_curve import Kinks as Kinks
from .demand_curve import demand_curve as demand_curve
from .demand_curve import kinks_of as kinks_of
from .generation_cost import GenerationCost as GenerationCost
from .price_search import LearnedDemand as LearnedDemand
from .price_search import SearchedPrice as SearchedPrice
from .price_search import learn_demand as learn_demand
from .price_search import search_price as search_price
from .three_level_game import Game as Game
from .three_level_game import Outcome as Outcome
from .three_level_game import PriceBounds as PriceBounds
from .three_level_game import follow_closed_form as follow_closed_form
from .three_level_game import follow_exact as follow_exact
from .three_level_game import solve_closed_form as solve_closed_form
from .three_level_game import solve_exact as solve_exact
from .three_level_game import solve_grid as solve_grid
from .utility_profit import best_on_line as best_on_line
from .utility_profit import most_profit as most_profit
from .utility_profit import utility_profit as utility_profit
from .vehicle_response import best_response as best_response
